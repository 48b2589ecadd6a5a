"""The PostgreSQL server that comes with us."""
