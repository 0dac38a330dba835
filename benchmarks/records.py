"""What the recorder takes in a second, and what it remembers of a million checkouts."""

import gc
import itertools
import resource
import sys
import time
import tracemalloc
from dataclasses import dataclass
from typing import Final

from dashboard.model.claim import Connection, new_claim
from dashboard.probes.frames import Site
from dashboard.probes.owners import per_thread
from dashboard.recorder.budget import fit
from dashboard.recorder.feed import Feed
from dashboard.recorder.pool import PoolRecord
from dashboard.watching import Strangers

#: What one dashboard may use for all its pools.
BUDGET: Final = 16 * 1024 * 1024
_EVENTS: Final = 200_000
#: Two events (checked out, checked in) for each checkout.
_PER_CHECKOUT: Final = 2


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; `estimated` is what the record says of itself."""

    estimated: int
    traced: int
    resident: int


def _record() -> PoolRecord:
    record = PoolRecord("bench", time.monotonic, Feed(), Strangers())
    for number in range(20):
        record.ledger.known(number, Connection(0.0))
    return record


def _checkouts(record: PoolRecord, count: int, sites: list[Site]) -> None:
    ledger, owner, now = record.ledger, per_thread.owner, time.monotonic
    places = itertools.cycle(sites)
    for number in range(count):
        claim = new_claim(now(), next(places), owner, None)
        ledger.asked(claim)
        ledger.got(claim, number % 20, number % 20)
        ledger.returned(number % 20)


def _sites(count: int) -> list[Site]:
    return [Site(3 + place, None, ("shop.py", place, "buy")) for place in range(count)]


def events_per_second() -> float:
    """Through the sink's methods, one thread, CPU time; folding included."""
    record, sites = _record(), _sites(20)
    _checkouts(record, 2_000, sites)
    began = time.process_time()
    _checkouts(record, _EVENTS // _PER_CHECKOUT, sites)
    record.fold()
    return _EVENTS / (time.process_time() - began)


def memory(checkouts: int, sites: int) -> Memory:
    """After so many checkouts from so many call sites, made to fit the budget."""
    places = _sites(sites)
    resident = _resident()
    record = _filled(checkouts, places)
    resident = _resident() - resident
    del record
    tracemalloc.start()
    record = _filled(checkouts, places)
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Memory(record.memory, traced, resident)


def _filled(checkouts: int, places: list[Site]) -> PoolRecord:
    record = _record()
    _checkouts(record, checkouts, places)
    record.fold()
    fit([record], BUDGET)
    gc.collect()
    return record


def _resident() -> int:
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
