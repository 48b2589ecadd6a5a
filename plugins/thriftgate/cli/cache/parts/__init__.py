"""What the cache's commands share: the opened cache, and the trial that `tune` runs."""
