"""The demo: a real shop on a real PostgreSQL, its load and its faults."""
