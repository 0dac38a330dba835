"""What watching a pool costs; `make bench` runs it."""
