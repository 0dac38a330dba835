"""Suspects, status and predictions: pure functions of plain data; no clock, no I/O."""
