from itertools import takewhile
from random import Random

from dashboard.demo.profiles import Profile, arrivals, bursty, lunch_hour, steady


def first(profile: Profile, seconds: float) -> list[float]:
    return list(takewhile(lambda at: at < seconds, arrivals(profile, Random("x"))))


def test_same_seed_gives_same_arrivals() -> None:
    assert first(steady(5), 60) == first(steady(5), 60)


def test_steady_arrivals_keep_their_rate() -> None:
    assert 940 < len(first(steady(10), 100)) < 1060


def test_bursts_come_at_the_end_of_each_turn() -> None:
    profile = bursty(1, 50, every=10, lasting=1)
    assert [profile.rate(at) for at in (0, 8.9, 9.1, 10, 19.5)] == [1, 1, 50, 1, 50]
    seen = first(profile, 100)
    inside = [at for at in seen if at % 10 >= 9]
    assert 400 < len(inside) < 600
    assert 60 < len(seen) - len(inside) < 120


def test_lunch_is_at_a_quarter_of_the_day() -> None:
    profile = lunch_hour(2, 10, period=240)
    assert profile.rate(60) == 10
    assert profile.rate(300) == 10
    assert round(profile.rate(180), 3) == 2.0


def test_profiles_say_what_they_do() -> None:
    assert steady(9).words == "steady: 9 a second"
    assert steady(0.05).words == "steady: one every 20 s"
    assert (
        bursty(1, 50, every=10, lasting=2).words == "bursty: 1 a second, 50 for 2 s of every 10 s"
    )
    assert lunch_hour(2, 9, period=240).words == "lunch hour: 2 to 9 a second, every 4 min"
