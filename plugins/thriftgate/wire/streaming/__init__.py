"""Answers while they are written: what the three codecs share, and events as bytes, of two kinds."""
