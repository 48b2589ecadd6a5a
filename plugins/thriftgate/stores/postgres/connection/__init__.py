"""The database as every store here asks it: connections, text, and how long an answer is waited for."""
