"""Names from outside, on every address: they are shown, and nothing more."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp

from dashboard.web.access import Access
from dashboard.web.shapes import text
from dashboard.web.site import build

from .crowded import happenings, pool, suspect
from .given import Given
from .hostile import HOSTILE, hostile
from .listening import first

Serve = Callable[[ASGIApp], str]
#: A URL's path cannot carry these: a server or Starlette's routes take a line end for the end.
ASKABLE = [name for name in HOSTILE if not {"\r", "\n", "\udcff"} & set(name)]


def served(serve_app: Serve, given: Given) -> str:
    """The address of a site with this reading."""
    return serve_app(build(given, Access(allow_unauthenticated=True)))


class _Elements(HTMLParser):
    """Counts elements, and the attributes that could run something."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = sorted(name for name, _ in attributes)
        self.seen.append(f"{tag} {' '.join(names)}")


def elements(page: str) -> list[str]:
    """Every element with the names of its attributes."""
    parser = _Elements()
    parser.feed(page)
    return parser.seen


@pytest.mark.parametrize("name", ASKABLE)
def test_page_has_the_elements_of_a_harmless_one(serve_app: Serve, name: str) -> None:
    def pages(given: Given, name: str) -> list[list[str]]:
        base = served(serve_app, given)
        paths = [
            "/",
            f"/pools/{quote(name, safe='')}",
            "/leaks",
            "/events",
            f"/pools/x{quote(name)}",
        ]
        answers = [httpx.get(base + path) for path in paths]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404]
        return [elements(answer.text) for answer in answers]

    def given(name: str) -> Given:
        return Given(
            pools={name: pool(name, name)},
            found=[suspect(name, name)],
            log=list(happenings(name, name)),
            title=name,
        )

    assert pages(given(name), name) == pages(given("harmless"), "harmless")


def test_json_carries_every_name_unharmed(serve_app: Serve) -> None:
    base = served(serve_app, hostile())
    raw = httpx.get(base + "/api/pools")
    assert raw.headers["content-type"] == "application/json"
    assert [row["name"] for row in raw.json()] == [text(name) for name in HOSTILE]
    assert [row["owner"]["name"] for row in httpx.get(base + "/api/suspects").json()] == [
        text(name) for name in HOSTILE
    ]
    for name in ASKABLE:
        found = httpx.get(f"{base}/api/pools/{quote(name, safe='')}").json()
        assert found["call_sites"][0]["call_site"]["function"] == name


def test_stream_carries_every_name_in_its_own_message(serve_app: Serve) -> None:
    reset, batch = first(served(serve_app, hostile()), 2)
    assert [reset.event, batch.event] == ["reset", "batch"]
    names = [text(name) for name in HOSTILE]
    assert [row["name"] for row in reset.data["pools"]] == names
    owners = {event["owner"].removeprefix("task ") for event in reset.data["events"]}
    assert owners <= set(names)


def test_stream_lines_are_only_ours(serve_app: Serve) -> None:
    base = served(serve_app, hostile())
    raw = b""
    with httpx.stream("GET", base + "/api/stream", timeout=60) as answer:
        for chunk in answer.iter_bytes():
            raw += chunk
            if raw.count(b"\n\n") >= 3:
                break
    lines = raw.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    starts = {line.partition(":")[0] for line in lines if line}
    assert starts <= {"retry", "id", "event", "data"}
    assert [json.loads(line[6:]) for line in lines[:-1] if line.startswith("data: ")]


def test_filtered_stream_finds_any_name(serve_app: Serve) -> None:
    base = served(serve_app, hostile())
    for name in HOSTILE:
        if "\udcff" not in name:
            (reset,) = first(base, 1, query=f"?pool={quote(name, safe='')}")
            assert [row["name"] for row in reset.data["pools"]] == [name]


def test_prometheus_reads_every_name_back(serve_app: Serve) -> None:
    base = served(serve_app, hostile())
    expected = {text(name) for name in HOSTILE}
    plain = httpx.get(base + "/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(plain)}
    assert {sample.labels["pool"] for sample in families["db_pool_size"].samples} == expected
    assert {sample.value for sample in families["db_pool_size"].samples} == {5.0}
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    open_ = httpx.get(base + "/metrics", headers=accept).text
    found = openmetrics.text_string_to_metric_families(open_)  # type: ignore[no-untyped-call]
    sizes = next(family for family in found if family.name == "db_pool_size")
    assert {sample.labels["pool"] for sample in sizes.samples} == expected


def test_report_is_sent_whatever_the_names(serve_app: Serve) -> None:
    answer = httpx.get(served(serve_app, hostile()) + "/report.md")
    assert answer.status_code == 200
    assert answer.text.count("\n## Pool `") + answer.text.count("\n## Pool ``") >= len(HOSTILE)


def test_error_pages_show_the_address_as_text(serve_app: Serve) -> None:
    base = served(serve_app, Given())
    for name in HOSTILE:
        if "\udcff" in name:
            continue
        for path in ("/", "/pools/", "/api/pools/", "/api/", "/static/"):
            answer = httpx.get(f"{base}{path}{quote(name, safe='')}?range=5m")
            assert answer.status_code == 404
            assert "<script>alert" not in answer.text or path.startswith("/api")
        refused = httpx.get(f"{base}/", params={"range": name})
        assert refused.status_code == 400
        assert elements(refused.text) == elements(httpx.get(f"{base}/?range=x").text)
