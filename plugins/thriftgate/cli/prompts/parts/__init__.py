"""What the prompts' commands share: the opened registry, and Langfuse as their mirror."""
