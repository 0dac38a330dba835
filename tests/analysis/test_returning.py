from datetime import timedelta

from dashboard.analysis.suspects import Detector, find
from dashboard.model.snapshot import Checkout, Lost, PoolSnapshot, Snapshot
from tests.analysis.held import AT, came_back, held, left, pool, said, snapshot, task


def at(seconds: float, given: PoolSnapshot) -> Snapshot:
    return snapshot(given, at=AT + timedelta(seconds=seconds))


def later(out: Checkout, seconds: float) -> Checkout:
    """The same connection, so much later."""
    return held(out.quiet_for + seconds, held_for=out.held_for + seconds, since=out.since)


def test_suspect_that_came_back_is_taken_back_in_public() -> None:
    detector, out = Detector(), held(32.0)
    assert said(detector.find(at(0, pool(out)))) == [("overdue", "probable")]
    assert said(detector.find(at(5, pool(later(out, 5))))) == [("overdue", "probable")]
    (found,) = detector.find(at(10, pool()))
    assert (found.verdict, found.certainty) == ("returned", "possible")
    assert found.ended_at == AT + timedelta(seconds=10)
    assert found.evidence[0] == "called overdue (probable), then returned after 42.5 s"
    assert found.evidence[1].startswith("quiet for 37 s; of 12,400 checkouts")


def test_recorder_knows_the_moment() -> None:
    detector, back = Detector(), came_back(50.0, 2.0)
    detector.find(at(-20, pool(held(40.0, held_for=40.0))))
    (found,) = detector.find(at(0, pool(recently_back=(back,))))
    assert (found.ended_at, found.held_for) == (back.ended_at, 50.0)
    assert detector.find(at(1, pool())) == []


def test_orphan_that_somebody_returned_is_taken_back() -> None:
    detector = Detector()
    assert said(detector.find(at(0, pool(left(1.8, ended=1.5))))) == [("orphaned", "probable")]
    assert said(detector.find(at(1, pool()))) == [("returned", "possible")]


def test_returned_is_remembered_for_a_quarter_of_an_hour() -> None:
    detector = Detector()
    detector.find(at(0, pool(held(32.0))))
    assert said(detector.find(at(1, pool()))) == [("returned", "possible")]
    assert said(detector.find(at(900, pool()))) == [("returned", "possible")]
    assert detector.find(at(902, pool())) == []


def test_next_checkout_of_the_connection_is_another_one() -> None:
    detector = Detector()
    detector.find(at(0, pool(held(32.0))))
    again = held(0.1, since=AT + timedelta(seconds=4))
    assert detector.find(at(4, pool(held(0.1, owner=task(8)))))[0].verdict == "returned"
    assert said(detector.find(at(5, pool(again)))) == [("returned", "possible")]


def test_used_again_is_a_suspect_no_more() -> None:
    detector, out = Detector(), held(32.0)
    detector.find(at(0, pool(out)))
    used = held(0.1, held_for=out.held_for + 1, since=out.since)
    assert detector.find(at(1, pool(used))) == []
    assert said(detector.find(at(2, pool()))) == [("returned", "possible")]


def test_lost_suspect_is_not_returned() -> None:
    detector, out = Detector(), held(32.0)
    detector.find(at(0, pool(out)))
    gone = Lost(
        call_site=out.call_site,
        stack=(),
        owner=task(1),
        request=None,
        held_for=33.0,
        backend_pid=None,
        since=out.since,
        ended_at=AT,
        ended_ago=0.0,
        connection=1,
    )
    assert said(detector.find(at(1, pool(recently_lost=(gone,))))) == [("lost", "proven")]


def test_pool_that_is_gone_returned_nothing() -> None:
    detector = Detector()
    detector.find(at(0, pool(held(32.0))))
    assert detector.find(snapshot()) == []


def test_notes_are_never_taken_back() -> None:
    detector = Detector()
    detector.find(at(0, pool(held(0.0, held_for=91.0, in_statement=90.0))))
    assert detector.find(at(1, pool())) == []


def test_nobody_suspected_nobody_came_back() -> None:
    detector = Detector()
    assert detector.find(at(0, pool())) == []
    assert detector.find(at(5, pool(recently_back=(came_back(50.0, 2.0),)))) == []


def test_picture_of_the_past_shows_what_the_recorder_kept() -> None:
    (found,) = find(at(0, pool(recently_back=(came_back(50.0, 2.0),))))
    assert (found.verdict, found.bound) == ("returned", 2.0)
    assert found.evidence == ("quiet for 50 s, beyond its bound of 2 s, then returned",)
