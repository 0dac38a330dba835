import random
from math import inf

import pytest

from dashboard.analysis.bound import Bound, Bounds, of, of_site
from dashboard.model.distribution import RELATIVE_ERROR
from tests.analysis.held import AUDIT, line, pool, seen


def lognormal(count: int, median: float, sigma: float, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [median * rng.lognormvariate(0, sigma) for _ in range(count)]


@pytest.mark.parametrize(
    ("quiet", "seconds"), [([], 60.0), ([0.1] * 29, 60.0), ([0.1, 30.0], 90.0)]
)
def test_new_line_has_a_minute(quiet: list[float], seconds: float) -> None:
    bound = of(seen(quiet))
    assert bound.seconds == pytest.approx(seconds, rel=RELATIVE_ERROR)
    assert (bound.is_learned, bound.alone) == (False, bound.seconds)


@pytest.mark.parametrize(
    ("count", "sure"), [(0, inf), (2, inf), (3, 600.0), (20, 90.0), (29, 62.0689)]
)
def test_new_line_is_sure_by_what_it_has_shown(count: int, sure: float) -> None:
    assert of(seen([0.01] * count)).sure == pytest.approx(sure, rel=1e-4)


def test_thirty_checkouts_are_enough() -> None:
    bound = of(seen([0.01] * 30))
    assert (bound.seconds, bound.is_learned) == (2.0, True)


def test_young_line_needs_more_for_certainty() -> None:
    young, old = of(seen([0.01] * 100)), of(seen([0.01] * 2000))
    assert (young.seconds, young.alone, young.sure) == (2.0, 7.0, 18.0)
    assert (old.seconds, old.alone, old.sure) == (2.0, 2.0, 2.0)


def test_bound_follows_the_tail() -> None:
    narrow = of(seen(lognormal(50_000, 0.05, 0.8))).seconds
    wide = of(seen(lognormal(50_000, 0.05, 1.5))).seconds
    assert 2.0 <= narrow < 4.0
    assert 30.0 < wide < 120.0


def test_bound_exceeds_what_was_seen() -> None:
    old, young = of(seen([*[0.01] * 5000, *[40.0] * 3])), of(seen([*[0.01] * 500, *[40.0] * 3]))
    assert old.seconds == pytest.approx(52.0, rel=RELATIVE_ERROR)
    assert young.seconds == pytest.approx(60.0, rel=RELATIVE_ERROR)


def test_one_hang_does_not_poison_the_bound() -> None:
    usual = lognormal(5000, 0.01, 0.8)
    clean, hung = of(seen(usual)), of(seen([*usual, 600.0]))
    assert hung.seconds == pytest.approx(clean.seconds, rel=0.1)
    assert hung.hang == pytest.approx(600.0, rel=RELATIVE_ERROR)
    assert hung.longest == clean.longest


def test_three_hangs_are_a_habit() -> None:
    hung = of(seen([*lognormal(5000, 0.01, 0.8), 600.0, 601.0, 602.0]))
    assert hung.seconds == pytest.approx(1.3 * 600, rel=RELATIVE_ERROR)
    assert hung.hang is None


def test_slow_mode_is_not_extrapolated_without_end() -> None:
    """A few of the longest are seconds, the others milliseconds: no power law joins the two."""
    slow = [6 * value for value in lognormal(100, 1.0, 0.2)]
    bound = of(seen([*[0.01] * 9900, *slow]))
    assert 9.0 < bound.longest < 9.5
    assert 11.0 < bound.alone < 20.0


def test_jitter_of_a_busy_machine_is_no_tail() -> None:
    """Forty checkouts to warm up, some of them held up: nothing is extrapolated from these."""
    bound = of(seen([*[0.01] * 36, 0.1, 0.2, 0.3, 0.9]))
    assert 4.0 < bound.seconds < 5.0
    assert bound.alone == 7.0


def test_line_that_is_not_quick_has_seven_seconds() -> None:
    quick, slow = of(seen(lognormal(5000, 0.005, 0.5))), of(seen(lognormal(5000, 0.02, 0.8)))
    assert (quick.seconds, quick.alone) == (2.0, 2.0)
    assert (slow.seconds, slow.alone) == (2.0, 7.0)


def test_proven_losses_lower_the_bound() -> None:
    quiet = lognormal(20_000, 0.05, 1.5)
    healthy, leaking = of_site(line(quiet)).alone, of_site(line(quiet, lost=40)).alone
    assert leaking < 0.7 * healthy


def test_suspects_that_came_back_raise_the_bound() -> None:
    quiet = lognormal(20_000, 0.05, 1.5)
    assert of_site(line(quiet, came_back=3)).alone > 1.3 * of_site(line(quiet)).alone


def test_new_line_takes_the_usual_of_its_pool() -> None:
    slow = line([100.0] * 50, site=AUDIT)
    new = line([0.1] * 5)
    alone = Bounds().of(pool(lines=[new]), new)
    beside = Bounds().of(pool(lines=[new, slow]), new)
    assert alone.seconds == 60.0
    assert beside.seconds == pytest.approx(150.0, rel=RELATIVE_ERROR)


def test_fixed_bound_is_everybodys() -> None:
    bounds = Bounds(leak_after=10.0)
    known, new = line([0.25] * 30), line([])
    assert bounds.of(pool(), known) == Bound(
        10.0,
        30,
        bounds.of(pool(), known).longest,
        is_learned=True,
        is_fixed=True,
        alone=10.0,
        sure=10.0,
    )
    assert bounds.of(pool(), None).seconds == bounds.of(pool(), new).seconds == 10.0
    assert bounds.of(pool(), new).sure == inf


def test_bound_is_kept_until_the_line_has_grown() -> None:
    bounds, before = Bounds(), line([0.01] * 1000)
    first = bounds.of(pool(), before, exact=False)
    longer = line([*[0.01] * 1000, 30.0, 30.0])
    assert bounds.of(pool(), longer, exact=False) == first
    assert bounds.of(pool(), longer).longest == pytest.approx(30.0, rel=RELATIVE_ERROR)
    much_longer = line([*[0.01] * 1100, 30.0, 30.0])
    grown = bounds.of(pool(), much_longer, exact=False)
    assert grown.seconds == pytest.approx(39.0, rel=RELATIVE_ERROR)
