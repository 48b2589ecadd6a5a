"""Who gets which variant, what came of it, and what that shows so far: pure."""
