"""The house: fixtures for every test, and tests of the project's own frame."""
