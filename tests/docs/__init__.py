"""The documentation, checked like code."""
