"""What may be shared from the cache, and with whom: nothing here knows what is kept, or how it is found."""
