"""Folds what probes tell into state, and takes pictures of it."""
