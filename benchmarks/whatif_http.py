"""Predicted waits of an aiohttp connector beside real ones: three hosts, limits of both kinds.

`python -m benchmarks.whatif_http DIRECTORY`; a run takes 75 s and is kept in DIRECTORY. Reality is
what aiohttp's own tracing says of how long each request was queued; connecting is not part of it.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean, median
from time import monotonic
from types import SimpleNamespace
from typing import Any, Final

import msgspec
from aiohttp import ClientSession, ClientTimeout, TCPConnector, TraceConfig, web

from dashboard.analysis.measuring import percentile
from dashboard.analysis.whatif import predict
from dashboard.model.whatif import Change, Demand, Row
from dashboard.predicting import demand_of
from dashboard.watching import Watches

from .lines import Line, line_of
from .whatif_runs import Family, Request, traffic

_SECONDS: Final = 75.0
_FAMILY: Final = Family("", 0.02, 120, 450, ())
#: Which of the hosts a request of each kind goes to: half, a third, and a sixth of them.
_HOST: Final = (0, 0, 0, 1, 1, 2)
_SERVE: Final = "serve"

#: limit, limit_per_host, day.
Plan = tuple[int, int, int]
_PER_HOST: Final = ((100, 4, 1), (100, 5, 1), (100, 7, 1), (100, 5, 10), (100, 5, 2))
_SHARED: Final = ((8, 0, 1), (11, 0, 1), (8, 5, 1))


@dataclass(frozen=True)
class HttpRun:
    """One recording, and how long requests were queued."""

    limit: int
    per_host: int
    day: int
    demand: Demand
    waits: list[float]

    @property
    def p95(self) -> float:
        """Of all requests."""
        return percentile(sorted(self.waits), len(self.waits), 95.0)

    @property
    def hold(self) -> float:
        """The mean of the requests that came back."""
        held = zip(self.demand.hold, self.demand.outcome, strict=True)
        return fmean([hold for hold, what in held if not what])

    @property
    def name(self) -> str:
        """As its options say it."""
        return f"limit {self.limit}, per host {self.per_host or 'none'}"


def main(directory: Path) -> None:
    """Run what is not there yet; then the table."""
    directory.mkdir(parents=True, exist_ok=True)
    with served() as ports:
        for plan in (*_PER_HOST, *_SHARED):
            path = directory / f"http-{'-'.join(map(str, plan))}.msgpack"
            if not path.exists():
                run = asyncio.run(record(ports, plan))
                path.write_bytes(msgspec.msgpack.encode(run, enc_hook=list))
                print(f"recorded {path.name}: p95 {run.p95 * 1000:.1f} ms", flush=True)
    files = sorted(directory.glob("http-*.msgpack"))
    table([msgspec.msgpack.decode(path.read_bytes(), type=HttpRun) for path in files])


async def record(ports: Sequence[int], plan: Plan, seconds: float = _SECONDS) -> HttpRun:
    """One run of one day."""
    limit, per_host, day = plan
    waits: list[float] = []
    watches = Watches(monotonic)
    connector = TCPConnector(limit=limit, limit_per_host=per_host)
    session = ClientSession(
        connector=connector, trace_configs=[_stopwatch(waits)], timeout=ClientTimeout(total=None)
    )
    async with session:
        await _drive(session, ports, traffic(_FAMILY, 99, 2.0))
        waits.clear()
        watches.add(session, "pool")
        await _drive(session, ports, traffic(_FAMILY, day, seconds))
        (watch, kept), *_ = watches.records()
        demand = demand_of(kept, watch.probe)
        watches.stop()
    return HttpRun(limit, per_host, day, demand, waits)


def _stopwatch(waits: list[float]) -> TraceConfig:
    """Notes how long each request was queued; 0 for who was not."""
    config = TraceConfig()

    async def begin(_: ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.queued, context.place = 0.0, len(waits)
        waits.append(0.0)

    async def queued(_: ClientSession, context: SimpleNamespace, __: Any) -> None:
        context.queued = context.queued or monotonic()

    async def goes_on(_: ClientSession, context: SimpleNamespace, __: Any) -> None:
        waits[context.place] = monotonic() - context.queued

    config.on_request_start.append(begin)
    config.on_connection_queued_start.append(queued)
    config.on_connection_queued_end.append(goes_on)
    return config


async def _drive(session: ClientSession, ports: Sequence[int], requests: Sequence[Request]) -> None:
    async def one(seconds: float, kind: int) -> None:
        url = f"http://127.0.0.1:{ports[_HOST[kind]]}/{seconds:.6f}"
        async with session.get(url) as answer:
            await answer.read()

    start = monotonic()
    async with asyncio.TaskGroup() as group:
        for at, seconds, kind in requests:
            ahead = at - (monotonic() - start)
            if ahead > 0:
                await asyncio.sleep(ahead)
            group.create_task(one(seconds, kind))


@contextmanager
def served() -> Iterator[list[int]]:
    """A process of its own with three hosts; their ports."""
    command = [sys.executable, "-m", "benchmarks.whatif_http", _SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield [int(port) for port in server.stdout.readline().split()]
        finally:
            server.terminate()


async def serve() -> None:
    """Answer each request after the seconds in its path."""

    async def answer(request: web.Request) -> web.Response:
        await asyncio.sleep(float(request.match_info["seconds"]))
        return web.Response(text="fine")

    app = web.Application()
    app.router.add_get("/{seconds}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for _ in range(3):
        await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(*(address[1] for address in runner.addresses), flush=True)
    await asyncio.Event().wait()


def table(runs: Sequence[HttpRun]) -> None:
    """Every run of day 1 predicts itself, every other one and the other day; what they come to."""
    print("| recorded at | predicted | traffic | hold | real p95 | p95 | error | range | grade |")
    print("|---|---|---|--:|--:|--:|--:|--:|---|")
    found: dict[str, list[Line]] = {}
    for seen, real in [*((run, run) for run in runs), *permutations(runs, 2)]:
        if seen.day == 1:
            line = _line(seen, real)
            print(line.text, flush=True)
            found.setdefault(line.kind, []).append(line)
    print("\n| predicted | pairs | median error | worst | with a range | range holds it |")
    print("|---|--:|--:|--:|--:|--:|")
    for kind, lines in found.items():
        errors = [abs(each.error) for each in lines if each.error is not None] or [0.0]
        inside = [each.is_inside for each in lines if each.is_inside is not None]
        cells = (f"{median(errors):.0%}", f"{max(errors):.0%}", len(inside), sum(inside))
        print(f"| {kind} | {len(lines)} | {' | '.join(map(str, cells))} |")


def _line(seen: HttpRun, real: HttpRun) -> Line:
    rows = predict(seen.demand, [real.limit], Change(limit_per_host=real.per_host)).rows
    row = rows[0] if rows else Row(size=real.limit)
    again = {1: "same", 10: "same again"}.get(real.day, "another day")
    kind = "itself" if seen is real else ("another day" if real.day == 2 else "the same traffic")
    begin = (
        seen.name,
        real.name,
        "its own" if seen is real else again,
        f"x {real.hold / seen.hold:.2f}",
        f"{real.p95 * 1000:.1f}",
    )
    return line_of(kind, begin, row, real.p95)


if __name__ == "__main__":
    if sys.argv[1] == _SERVE:
        asyncio.run(serve())
    else:
        main(Path(sys.argv[1]))
