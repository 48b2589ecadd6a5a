"""A text as its model may read it: hidden characters and encodings undone, spelling mended, form left out."""
