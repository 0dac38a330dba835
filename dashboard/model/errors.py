"""The one error root of the product."""


class DashboardError(Exception):
    """Something the caller can put right; the message says what, which and what to do."""
