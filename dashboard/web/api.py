"""The JSON API: everything that a page shows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..analysis import crossing, deadlock
from ..analysis.formerly import BEFORE
from ..model.errors import DashboardError
from ..model.ports import Reading
from ..model.snapshot import PoolSnapshot
from ..model.whatif import Prediction
from . import incident_json
from .aside import aside
from .entered import limit_of
from .frame import DEFAULT_RANGE, RANGES
from .moment import moment_of
from .past import as_of, then, with_holders
from .shapes import json_response, plain, pool_detail, pool_row

#: Steps of a history at most, columns of a heatmap, and the seconds that lanes go back.
POINTS: Final = 300
COLUMNS: Final = 72
LANES: Final = 60.0
_NUMBERS: Final = 10**18
#: What else `/api/whatif` replays with; a question changes one thing only.
_N = TypeVar("_N", int, float)
_CHANGES: Final = ("timeout", "hold", "limit_per_host")


def routes(reading: Reading) -> list[Route]:
    """Relative to the mount."""
    api = Api(reading)
    return [
        Route("/api/pools", _off_loop(api.pools), name="api_pools"),
        Route("/api/pools/{name:path}", _off_loop(api.pool), name="api_pool"),
        Route("/api/claims/{number:int}", _off_loop(api.claim), name="api_claim"),
        Route("/api/suspects", _off_loop(api.suspects), name="api_suspects"),
        Route("/api/whatif/{name:path}", _off_loop(api.whatif), name="api_whatif"),
        Route("/api/advice", _off_loop(api.advice), name="api_advice"),
        Route("/api/deadlocks", _off_loop(api.deadlocks), name="api_deadlocks"),
        Route("/api/crossings", _off_loop(api.crossings), name="api_crossings"),
        Route("/api/incidents", _off_loop(api.incidents), name="api_incidents"),
        Route("/api/incidents/{number}", _off_loop(api.incident), name="api_incident"),
        Route("/readyz", _off_loop(api.ready), name="readyz"),
    ]


@dataclass(frozen=True, slots=True)
class Api:
    """Each method answers one address; they run in a thread."""

    reading: Reading

    def pools(self, _: Request) -> Response:
        """Every pool's figures."""
        snapshot = self.reading.snapshot()
        return json_response([pool_row(pool, snapshot.source) for pool in snapshot.pools.values()])

    def pool(self, request: Request) -> Response:
        """One pool in full, with its history over `?range=`, which ends at `?at=` or now."""
        seconds = range_of(request)
        name = request.path_params["name"]
        pool = self.reading.pool(name)
        if pool is None:
            raise unknown_pool(self.reading, name)
        history = self.reading.history(name, seconds, POINTS, until_of(request))
        detail = pool_detail(pool, self.reading.source)
        more = {**self._then(request, pool), **self._more(request, name)}
        return json_response({**detail, "history": plain(history), **more})

    def _then(self, request: Request, pool: PoolSnapshot) -> dict[str, object]:
        """What is known of the moment that `?at=` names."""
        at = moment_of(request, datetime.now(UTC).astimezone())
        if at is None:
            return {}
        recent = self.reading.history(pool.name, BEFORE, round(BEFORE), at.timestamp())
        suspects = self.reading.suspects()
        pool = as_of(self.reading, pool, at.timestamp())
        found = then(self.reading, pool, recent, at, suspects)
        return {"then": with_holders(found, self.reading, at, suspects).as_json(at)}

    def _more(self, request: Request, name: str) -> dict[str, object]:
        """What `?with=lanes,heat` adds; left out otherwise, because it is large."""
        wanted = request.query_params.get("with", "").split(",")
        if unknown := sorted({*wanted} - {"", "lanes", "heat"}):
            raise HTTPException(400, f"with takes lanes and heat, not {unknown[0][:100]!r}.")
        seconds, until = range_of(request), until_of(request)
        more: dict[str, object] = {}
        if "lanes" in wanted:
            more["lanes"] = plain(self.reading.lanes(name, LANES, until))
        if "heat" in wanted:
            more["heat"] = {
                measure: plain(self.reading.heat(name, seconds, COLUMNS, measure, until))
                for measure in ("wait", "use")
            }
        return more

    def claim(self, request: Request) -> Response:
        """One checkout by the number that its events carry."""
        number = request.path_params["number"]
        found = self.reading.claim(number) if number < _NUMBERS else None
        if found is None:
            raise HTTPException(404, "This checkout is no longer kept.")
        return json_response(plain(found))

    def suspects(self, _: Request) -> Response:
        """Leak suspects, the most certain first."""
        return json_response(plain(self.reading.suspects()))

    def whatif(self, request: Request) -> Response:
        """Waits at other sizes: `?sizes=5,10&timeout=2&hold=.5`; or what `?question=` asks."""
        name = request.path_params["name"]
        try:
            given = request.query_params
            sizes = _sizes(given.get("sizes"))
            timeout = _number("timeout", given.get("timeout"), float)
            hold = _number("hold", given.get("hold"), float)
            per_host = _number("limit_per_host", given.get("limit_per_host"), int, "a whole number")
            question = given.get("question")
            if question is not None:
                _only_a_question(request)
                prediction = self._what_else(request, name, question, sizes)
            else:
                factor = 1.0 if hold is None else hold
                prediction = self.reading.whatif(name, sizes, timeout, factor, per_host)
        except (ValueError, DashboardError) as error:
            raise HTTPException(400, f"{error}"[:300]) from error
        if prediction is None:
            raise unknown_pool(self.reading, name)
        return json_response(plain(prediction))

    def _what_else(
        self, request: Request, name: str, question: str, sizes: list[int] | None
    ) -> Prediction | None:
        """`?question=release&site=shop/chat.py:88`, `?question=workers&workers=4`."""
        given = request.query_params
        site, server = given.get("site", ""), limit_of(given)
        return self.reading.what_else(name, question, sizes, site, server)

    def advice(self, request: Request) -> Response:
        """Changes worth making, with what somebody knows: `?max_connections=100&deadline=10`."""
        try:
            entered = limit_of(request.query_params)
        except ValueError as error:
            raise HTTPException(400, f"{error}") from error
        return json_response(plain(self.reading.advice(entered)))

    def deadlocks(self, _: Request) -> Response:
        """Circular waits, with who holds and who waits."""
        return json_response(plain(deadlock.find(self.reading.snapshot().pools)))

    def crossings(self, _: Request) -> Response:
        """Owners that hold a connection of one pool while they are at another."""
        return json_response(plain(crossing.find(self.reading.snapshot().pools)))

    def incidents(self, _: Request) -> Response:
        """Moments when a pool ran out, with the figures of that pool."""
        found = self.reading.incidents()
        return json_response([incident_json.row(each, self.reading) for each in found])

    def incident(self, request: Request) -> Response:
        """One of them in full."""
        number = request.path_params["number"]
        found = self.reading.incident(number)
        if found is None:
            raise HTTPException(404, f"Incident {number[:100]!r} is no longer kept.")
        return json_response(incident_json.detail(found, self.reading))

    def ready(self, _: Request) -> Response:
        """503 while a pool is exhausted, naming it."""
        pools = self.reading.snapshot().pools.values()
        exhausted = [_shortage(pool) for pool in pools if is_exhausted(pool)]
        if exhausted:
            return json_response({"status": "exhausted", "pools": exhausted}, 503)
        return json_response({"status": "ready"})


def is_exhausted(pool: PoolSnapshot) -> bool:
    """Every slot is taken and someone waits."""
    return pool.max is not None and pool.used >= pool.max and pool.pending_requests > 0


def _sizes(given: str | None) -> list[int] | None:
    try:
        return None if given is None else [int(size) for size in given.split(",")]
    except ValueError as error:
        raise ValueError(f"sizes takes whole numbers such as 5,10, not {given!r}") from error


def _number(
    name: str, given: str | None, kind: Callable[[str], _N], what: str = "a number"
) -> _N | None:
    try:
        return None if given is None else kind(given)
    except ValueError as error:
        raise ValueError(f"{name} takes {what}, not {given!r}") from error


def _only_a_question(request: Request) -> None:
    for name in _CHANGES:
        if name in request.query_params:
            raise ValueError(f"question does not go with {name}")


def range_of(request: Request) -> float:
    """The seconds that `?range=` asks for; anything else than the known ranges is refused."""
    given = request.query_params.get("range", DEFAULT_RANGE)
    if given not in RANGES:
        known = ", ".join(RANGES)
        raise HTTPException(400, f"range takes one of {known}, not {given[:100]!r}.")
    return RANGES[given][1]


def until_of(request: Request) -> float | None:
    """The UNIX time that `?at=` names, None for now; anything that is no time is refused."""
    at = moment_of(request, datetime.now(UTC).astimezone())
    return None if at is None else at.timestamp()


def unknown_pool(reading: Reading, name: str) -> HTTPException:
    """404, naming the pools that there are."""
    return HTTPException(404, f"No pool is called {name[:200]!r}. {known_pools(reading)}")


def known_pools(reading: Reading) -> str:
    """A sentence; at most twenty names."""
    names = sorted(reading.snapshot().pools)
    if not names:
        return "No pool is being watched yet."
    listed = ", ".join(repr(name) for name in names[:20])
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"Watched pools: {listed}{more}."


def _shortage(pool: PoolSnapshot) -> dict[str, object]:
    names = ("name", "library", "used", "max", "pending_requests", "oldest_wait")
    return {name: plain(getattr(pool, name)) for name in names}


def _off_loop(answer: Callable[[Request], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await aside(answer, request)

    return endpoint
