import time
from collections.abc import Iterator

import pytest

from dashboard.watching import Watches
from dashboard.watching_all import WatchAll, watch_all


@pytest.fixture
def watches() -> Iterator[Watches]:
    """The watches of a dashboard; none is left."""
    watches = Watches(time.monotonic)
    yield watches
    watches.stop()


@pytest.fixture
def every(watches: Watches) -> Iterator[WatchAll]:
    """Every pool is watched; nothing of the kind afterwards."""
    with watch_all(watches) as every:
        yield every
    assert every.errors == 0, every.last_error
