"""Tests by room, as in the package; `house` holds the fixtures."""
