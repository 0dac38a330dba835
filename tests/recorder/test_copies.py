"""What the black box copies of a claim is all that there is to it."""

from dashboard.model.claim import Connection, Use
from dashboard.probes.owners import NOBODY


def test_copy_of_a_use_has_every_field() -> None:
    use = Use(1.0)
    use.statements, use.busy, use.began, use.last, use.quiet = 2, 3.0, 4.0, 5.0, 6.0
    use.user = NOBODY
    copy = use.copied()
    assert copy is not use
    assert {name: getattr(copy, name) for name in Use.__slots__} == {
        "began": 4.0,
        "busy": 3.0,
        "last": 5.0,
        "quiet": 6.0,
        "statements": 2,
        "user": NOBODY,
    }


def test_copy_of_a_connection_has_every_field() -> None:
    connection = Connection(1.0, create_time=0.2, backend_pid=4711, host="bank:443")
    connection.uses, connection.is_open, connection.number = 3, False, 4
    connection.slot, connection.error, connection.statements = 5, "OSError", 6
    connection.loop = "a reference to a loop"
    copy = connection.copied()
    assert copy is not connection
    assert {name: getattr(copy, name) for name in Connection.__slots__} == {
        "backend_pid": 4711,
        "born": 1.0,
        "create_time": 0.2,
        "error": "OSError",
        "host": "bank:443",
        "is_open": False,
        "loop": "a reference to a loop",
        "number": 4,
        "slot": 5,
        "statements": 6,
        "uses": 3,
    }
