"""What tests of the web share."""

from collections.abc import Iterator

import httpx
import pytest

from dashboard.web.access import Access
from dashboard.web.site import Site, build
from dashboard.web.stream import Streams

from .given import Given, orders
from .sites import Make


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """Follows no redirect."""
    with httpx.Client(timeout=60) as made:
        yield made


@pytest.fixture
def make() -> Iterator[Make]:
    """Sites with a fast stream; their streams end before their servers do."""
    made: list[Site] = []

    def site(given: Given | None = None, **options: float) -> Site:
        given = given or orders()
        streams = Streams(given, **{"period": 0.01, **options})  # type: ignore[arg-type]
        made.append(build(given, Access(allow_unauthenticated=True), streams=streams))
        return made[-1]

    yield site
    for each in made:
        each.close()
