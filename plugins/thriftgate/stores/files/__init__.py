"""What is kept in files: prompts, stopped variants, what each worker has counted."""
