"""The synthetic day of the benchmark, a twentieth of it."""

from benchmarks.leak_day import day
from benchmarks.leaks import fixed, learned
from dashboard.analysis.bound import Bounds


def test_leaks_of_a_day_are_found_and_little_else() -> None:
    sites = day(seed=5, scale=0.05)
    suspected, probable = learned(sites, Bounds())
    assert suspected.leaks == sum(len(site.leaks) for site in sites) > 15
    assert (suspected.recall, probable.alarms.total()) == (1.0, 0)
    assert suspected.alarms.total() <= 1
    assert suspected.delay(50) <= 9.0


def test_fixed_thresholds_are_as_good_as_they_are() -> None:
    sites = day(seed=5, scale=0.05)
    by_age, by_quiet = (fixed(sites, 10.0, by_age=by_age) for by_age in (True, False))
    assert (by_age.recall, by_age.delay(50)) == (1.0, 10.0)
    assert by_age.alarms.total() > 2 * by_quiet.alarms.total() > 20
