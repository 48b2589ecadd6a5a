"""Whether what each section says fits the rest of the file."""
