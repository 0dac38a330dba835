"""Whatever owners do, what is nested is what a plain model says."""

from collections import Counter
from typing import Any, NamedTuple

from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from dashboard.probes.frames import Site

from .given import SITES, somebody
from .nesting import INNER, Pool


class _Held(NamedTuple):
    lease: int
    site: int


STEP = st.tuples(st.integers(0, 2), st.sampled_from(["take", "fail", "first", "last", "look"]))


@settings(max_examples=80)
@examples(steps=st.lists(st.tuples(STEP, st.sampled_from(SITES)), min_size=20, max_size=60))
def test_counts_are_those_of_a_plain_model(steps: list[Any]) -> None:
    pool, owners = Pool(), [somebody() for _ in range(3)]
    held: list[list[_Held]] = [[], [], []]
    expected: Counter[tuple[int, int]] = Counter()
    depths: Counter[tuple[int, int]] = Counter()

    def asks(number: int, site: Site) -> None:
        if held[number]:
            pair = held[number][-1].site, site.index
            expected[pair] += 1
            depths[pair] = max(depths[pair], len(held[number]) + 1)

    for (number, what), site in steps:
        if what == "take":
            asks(number, site)
            held[number].append(_Held(pool.take(owners[number], site), site.index))
        elif what == "fail":
            asks(number, site)
            pool.fail(pool.ask(owners[number], site))
        elif what == "look":
            pool.look()
        elif held[number]:
            pool.give(held[number].pop(0 if what == "first" else -1).lease)
    for each in held:
        pool.give(*(one.lease for one in reversed(each)))
    pool.look()
    found = pool.record.nestings.tallies
    assert {pair: tally.count for pair, tally in found.items()} == dict(expected)
    assert {pair: tally.depth for pair, tally in found.items()} == dict(depths)
    assert all(1 <= tally.owners <= 3 for tally in found.values())


@settings(max_examples=80)
@examples(steps=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60))
def test_owners_at_once_are_those_of_a_plain_model(steps: list[tuple[int, bool]]) -> None:
    """Looked at when all is over: each owner holds one, and asks for more from time to time."""
    pool, owners = Pool(), [somebody() for _ in range(5)]
    held: dict[int, tuple[int, bool]] = {}
    spans: list[tuple[float, float]] = []
    begun: dict[int, float] = {}

    def back(number: int) -> None:
        lease, is_outer = held.pop(number)
        pool.give(lease)
        if is_outer:
            spans.append((begun[number], pool.clock.now))

    for number, is_asking in steps:
        if number not in held:
            held[number] = pool.take(owners[number]), False
            begun[number] = pool.clock.now
        elif is_asking:
            pool.give(pool.take(owners[number], INNER))
            held[number] = held[number][0], True
        else:
            back(number)
    for number in list(held):
        back(number)
    expected = max((sum(a <= at < b for a, b in spans) for at, _ in spans), default=0)
    found = pool.look()
    assert found.get(("buy_0", "buy_1"), (0, 0, 0))[2] == expected
