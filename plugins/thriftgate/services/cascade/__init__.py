"""The cascade, driven: plans a request's tiers and performs what the pure flow asks for."""
