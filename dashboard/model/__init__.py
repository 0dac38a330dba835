"""Plain data that crosses rooms; standard library only."""
