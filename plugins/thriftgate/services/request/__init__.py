"""What one request needs while it is served: its journal, asking models, streams and answers, work beside it."""
