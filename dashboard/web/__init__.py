"""Access, pages, stream, API, metrics and report, as one ASGI application."""
