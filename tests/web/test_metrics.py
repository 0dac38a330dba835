"""What Prometheus reads."""

from collections.abc import Mapping
from dataclasses import replace

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from dashboard.model.snapshot import Overhead
from dashboard.web.access import Access
from dashboard.web.site import build

from .asking import ask
from .crowded import pool, suspect, values
from .given import Given, orders


def scrape(given: Given, **headers: str) -> httpx.Response:
    """One scrape."""
    return ask(build(given, Access(allow_unauthenticated=True)), "/metrics", **headers)


def samples(text: str) -> Mapping[tuple[str, ...], float]:
    """Values by name and labels."""
    return {
        (sample.name, *(f"{key}={value}" for key, value in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_names_follow_opentelemetry_and_the_guide() -> None:
    found = samples(scrape(Given(pools={"orders": pool("orders")})).text)
    name = "db_client_connection_pool_name=orders"
    expected = {
        ("db_client_connection_count", name, "db_client_connection_state=used"): 2,
        ("db_client_connection_count", name, "db_client_connection_state=idle"): 3,
        ("db_client_connection_max", name): 7,
        ("db_client_connection_idle_max", name): 5,
        ("db_client_connection_pending_requests", name): 1,
        ("db_client_connection_timeouts_total", name): 3,
        ("db_client_connection_wait_time_seconds_count", name): 3,
        ("db_client_connection_use_time_seconds_count", name): 3,
        ("db_client_connection_create_time_seconds_count", name): 1,
        ("db_pool_size", "pool=orders"): 5,
        ("db_pool_available", "pool=orders"): 3,
        ("db_pool_waiting", "pool=orders"): 1,
        ("pool_dashboard_checkouts_total", "pool=orders"): 1283,
        ("pool_dashboard_lost_total", "pool=orders"): 1,
        ("pool_dashboard_connections_closed_total", "pool=orders", "reason=stale"): 3,
    }
    assert {key: found[key] for key in expected} == expected


def test_bound_that_does_not_exist_is_left_out() -> None:
    given = Given(pools={"open": replace(pool("open"), max=None, size=None, idle_min=2)})
    found = samples(scrape(given).text)
    name = "db_client_connection_pool_name=open"
    assert ("db_client_connection_max", name) not in found
    assert ("db_client_connection_idle_max", name) not in found
    assert found["db_client_connection_idle_min", name] == 2


def test_histogram_counts_at_or_below_each_bound() -> None:
    taken = replace(pool("orders"), lifetime={"use_time": values(0.009, 0.02, 95.0)})
    found = samples(scrape(Given(pools={"orders": taken})).text)
    name = "db_client_connection_pool_name=orders"
    buckets = {
        key[2].removeprefix("le="): value
        for key, value in found.items()
        if key[0] == "db_client_connection_use_time_seconds_bucket"
    }
    assert buckets == {
        "0.001": 0,
        "0.005": 0,
        "0.01": 1,
        "0.025": 2,
        "0.05": 2,
        "0.1": 2,
        "0.25": 2,
        "0.5": 2,
        "1.0": 2,
        "2.5": 2,
        "5.0": 2,
        "10.0": 2,
        "30.0": 2,
        "60.0": 2,
        "+Inf": 3,
    }
    total = found["db_client_connection_use_time_seconds_sum", name]
    assert total == pytest.approx(95.03, rel=0.04)


def test_windowed_times_are_no_histogram() -> None:
    given = Given(pools={"orders": replace(pool("orders"), lifetime={})})
    assert "time_seconds_count" not in scrape(given).text


def test_suspects_are_counted_by_verdict_also_when_none() -> None:
    given = orders()
    given.found = [
        suspect("orders", verdict="lost"),
        suspect("orders"),
        suspect("orders"),
        suspect("orders", verdict="returned"),
    ]
    found = {
        key[1:]: value
        for key, value in samples(scrape(given).text).items()
        if key[0] == "pool_dashboard_suspects"
    }
    assert {key: value for key, value in found.items() if value} == {
        ("pool=orders", "verdict=lost"): 1,
        ("pool=orders", "verdict=overdue"): 2,
    }
    assert found["pool=reports", "verdict=lost"] == 0


def test_own_overhead_is_told() -> None:
    given = Given(pools={"orders": replace(pool("orders"), unmatched=4, probe_errors=1)})
    given.overhead = Overhead(memory=2_400_000, budget=16_000_000, sampled_out=77)
    found = samples(scrape(given).text)
    assert found["pool_dashboard_unmatched_total", "pool=orders"] == 4
    assert found["pool_dashboard_probe_errors_total", "pool=orders"] == 1
    assert found["pool_dashboard_memory_bytes",] == 2_400_000
    assert found["pool_dashboard_memory_budget_bytes",] == 16_000_000
    assert found["pool_dashboard_sampled_out_total",] == 77


def test_openmetrics_is_spoken_when_asked_for() -> None:
    answer = scrape(orders(), accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")
    assert len(list(openmetrics.text_string_to_metric_families(answer.text))) == 21  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain;version=x",
        "application/openmetrics-text;version=a.b",
        ";;;",
        "*/*",
        "a/b;version=",
    ],
)
def test_odd_accept_header_gets_plain_text(accept: str) -> None:
    answer = scrape(orders(), accept=accept)
    assert answer.status_code == 200
    assert "db_pool_size" in answer.text


def test_is_packed_when_accepted() -> None:
    answer = scrape(orders(), accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.text) / 5


def test_no_pool_is_no_error() -> None:
    assert samples(scrape(Given()).text)["pool_dashboard_memory_bytes",] == 2_400_000
