"""What tests of marks share: a pool with a past, a mark that is seen, and what is compared."""

from sqlalchemy import Engine

from dashboard import Dashboard, mark
from dashboard.model.comparison import Comparison
from dashboard.model.whatif import Demand

from .advised import Leaping
from .test_advising import records, remember


def crowded(dash: Dashboard, engine: Engine, busy: Demand, clock: Leaping) -> None:
    """What a pool of seven was asked for until just now."""
    dash.watch(engine, name="orders")
    clock.advance(400)
    (record,) = records(dash)
    remember(record, busy)
    record.past.count("got", [record.now() - 2.0] * 40)
    record.past.count("returned", [record.now() - 1.5] * 40)
    dash.snapshot()


def marked(dash: Dashboard, clock: Leaping, text: str = "deploy 1.4.2") -> None:
    """It is seen before the clock leaps, which marks know nothing of."""
    mark(text)
    dash.snapshot()
    clock.advance(2)


def compared(dash: Dashboard) -> list[Comparison]:
    """Pools before and after."""
    return dash._reader.comparisons()


def enlarge(engine: Engine, by: int) -> None:
    """As it can be done while a pool is in use."""
    engine.pool._max_overflow = by  # type: ignore[attr-defined]
