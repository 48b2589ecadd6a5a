"""What a gateway does by itself from time to time."""
