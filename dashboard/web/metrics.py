"""`/metrics` for Prometheus: OpenTelemetry's names, the guide's three, and what watching costs.

Histograms are lifetime counts: a window would go down, and Prometheus would take that for a
restart.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..analysis.status import active
from ..model.distribution import Distribution
from ..model.findings import VERDICTS, Suspect
from ..model.ports import Reading
from ..model.snapshot import Overhead, PoolSnapshot
from .aside import aside
from .compress import accepts_gzip, pack
from .shapes import text

_OTEL: Final = "db_client_connection_"
_OTEL_POOL: Final = "db_client_connection_pool_name"
_OTEL_STATE: Final = "db_client_connection_state"
#: Upper bounds of the histograms' buckets, seconds.
BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_Value = Callable[[PoolSnapshot], float | None]
_GAUGES: Final[Sequence[tuple[str, str, str, _Value]]] = (
    (f"{_OTEL}max", _OTEL_POOL, "The most connections that may be open.", lambda p: p.max),
    (f"{_OTEL}idle_max", _OTEL_POOL, "The most connections kept while idle.", lambda p: p.size),
    (f"{_OTEL}idle_min", _OTEL_POOL, "The fewest connections kept.", lambda p: p.idle_min),
    (
        f"{_OTEL}pending_requests",
        _OTEL_POOL,
        "Callers waiting for a connection.",
        lambda p: p.pending_requests,
    ),
    ("db_pool_size", "pool", "Connections that are open.", lambda p: p.count),
    ("db_pool_available", "pool", "Connections that are open and idle.", lambda p: p.idle),
    ("db_pool_waiting", "pool", "Callers waiting for a connection.", lambda p: p.pending_requests),
)
_COUNTERS: Final[Sequence[tuple[str, str, str, _Value]]] = (
    (f"{_OTEL}timeouts", _OTEL_POOL, "Callers that gave up waiting.", lambda p: p.timeouts),
    ("pool_dashboard_checkouts", "pool", "Checkouts since the watch began.", lambda p: p.checkouts),
    ("pool_dashboard_lost", "pool", "Checkouts that nobody returned.", lambda p: p.lost),
    (
        "pool_dashboard_unmatched",
        "pool",
        "Returns that belong to no known checkout.",
        lambda p: p.unmatched,
    ),
    (
        "pool_dashboard_probe_errors",
        "pool",
        "Failures of the probe itself; the application was not touched.",
        lambda p: p.probe_errors,
    ),
)
_TIMES: Final = (
    ("create_time", "The time it took to open a connection."),
    ("wait_time", "The time from asking for a connection to getting one."),
    ("use_time", "The time between getting a connection and returning it."),
)


def routes(reading: Reading) -> list[Route]:
    """`/metrics`, relative to the mount."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Pools(reading))

    async def metrics(request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        content, media_type = await aside(render, registry, accept)
        headers = {"content-type": media_type, "vary": "Accept, Accept-Encoding"}
        if accepts_gzip(request.headers):
            content = await aside(pack, content, 1)
            headers["content-encoding"] = "gzip"
        return Response(content, headers=headers)

    return [Route("/metrics", metrics, name="metrics")]


def render(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """The text and its type; an Accept header that the library cannot read counts as none."""
    try:
        encoder, media_type = choose_encoder(accept)
    except (TypeError, ValueError):  # prometheus-client 0.26 compares versions that are no numbers
        encoder, media_type = choose_encoder("")
    return encoder(registry), media_type


class Pools(Collector):
    """Reads one snapshot for each scrape."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def collect(self) -> Iterator[Metric]:
        """All families, each with every pool."""
        snapshot = self._reading.snapshot()
        pools = list(snapshot.pools.values())
        yield _counts(pools)
        for name, label, about, value in _GAUGES:
            yield _filled(GaugeMetricFamily(name, about, labels=[label]), pools, value)
        for name, label, about, value in _COUNTERS:
            yield _filled(CounterMetricFamily(name, about, labels=[label]), pools, value)
        for name, about in _TIMES:
            yield _times(name, about, pools)
        yield _closed(pools)
        yield _suspects(pools, active(self._reading.suspects()))
        yield from _overhead(snapshot.overhead)


def _counts(pools: Iterable[PoolSnapshot]) -> Metric:
    family = GaugeMetricFamily(
        f"{_OTEL}count", "Connections by state.", labels=[_OTEL_POOL, _OTEL_STATE]
    )
    for pool in pools:
        family.add_metric([text(pool.name), "used"], pool.used)
        family.add_metric([text(pool.name), "idle"], pool.idle)
    return family


def _filled(
    family: GaugeMetricFamily | CounterMetricFamily, pools: Iterable[PoolSnapshot], value: _Value
) -> Metric:
    for pool in pools:
        number = value(pool)
        if number is not None:
            family.add_metric([text(pool.name)], number)
    return family


def _times(name: str, about: str, pools: Iterable[PoolSnapshot]) -> Metric:
    family = HistogramMetricFamily(f"{_OTEL}{name}_seconds", about, labels=[_OTEL_POOL])
    for pool in pools:
        values = pool.lifetime.get(name)
        if values is not None:
            family.add_metric([text(pool.name)], _buckets(values), values.total)
    return family


def _buckets(values: Distribution) -> list[tuple[str, float]]:
    below = zip((str(bound) for bound in BOUNDS), values.cumulative(BOUNDS), strict=True)
    return [*below, ("+Inf", values.count)]


def _closed(pools: Iterable[PoolSnapshot]) -> Metric:
    family = CounterMetricFamily(
        "pool_dashboard_connections_closed", "Connections closed.", labels=["pool", "reason"]
    )
    for pool in pools:
        for reason, number in pool.closed_by.items():
            family.add_metric([text(pool.name), text(reason)], number)
    return family


def _suspects(pools: Iterable[PoolSnapshot], suspects: Sequence[Suspect]) -> Metric:
    """Every verdict, also with 0: an alert on a series that vanishes never ends."""
    counts: dict[tuple[str, str], int] = {}
    for suspect in suspects:
        key = suspect.pool, suspect.verdict
        counts[key] = counts.get(key, 0) + 1
    family = GaugeMetricFamily(
        "pool_dashboard_suspects", "Leak suspects that still hold.", labels=["pool", "verdict"]
    )
    for pool in pools:
        for verdict in VERDICTS:
            family.add_metric([text(pool.name), verdict], counts.get((pool.name, verdict), 0))
    return family


def _overhead(overhead: Overhead) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "pool_dashboard_memory_bytes", "Bytes that watching keeps.", value=overhead.memory
    )
    yield GaugeMetricFamily(
        "pool_dashboard_memory_budget_bytes", "Bytes that it may keep.", value=overhead.budget
    )
    yield CounterMetricFamily(
        "pool_dashboard_sampled_out", "Events not kept as samples.", value=overhead.sampled_out
    )
