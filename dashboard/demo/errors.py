"""What the demo raises."""


class DemoError(RuntimeError):
    """The demo cannot start; the message says which part and what to do."""
