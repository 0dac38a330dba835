"""A host application with the dashboard mounted, and one alone, for a process of its own."""

from starlette.applications import Starlette
from starlette.routing import Mount

from dashboard.web.access import Access
from dashboard.web.site import build
from dashboard.web.stream import Streams

from .given import many, orders

_given = many(300)
_streams = Streams(_given, period=0.02)
app = Starlette(
    routes=[Mount("/pools", build(_given, Access(allow_unauthenticated=True), streams=_streams))]
)
alone = build(orders(), Access(allow_unauthenticated=True))
