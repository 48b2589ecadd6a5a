"""What is told to others over plain HTTP."""
