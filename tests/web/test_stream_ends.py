"""How streams end, and what a stalled client costs."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from .given import many, orders
from .listening import eventually, first, listening
from .sites import Make, Serve


def test_nobody_looks_nothing_is_read(serve_app: Serve, make: Make) -> None:
    given = orders()
    site = make(given)
    base = serve_app(site)
    assert given.reads == 0
    first(base, 2)
    eventually(lambda: site.streams.count == 0)
    hub = next(iter(site.streams._hubs.values()))
    eventually(lambda: hub._producer is None)
    reads = given.reads
    assert first(base, 1)[0].event == "reset"
    assert given.reads > reads


def test_failing_read_does_not_end_the_stream(
    serve_app: Serve, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    given = orders()
    with listening(serve_app(make(given))) as stream:
        last = next(stream)
        given.error = RuntimeError("broken")
        reads = given.reads
        eventually(lambda: given.reads > reads + 3)
        given.error = None
        after = [next(stream) for _ in range(5)]
    assert [message.seq for message in after] == [last.seq + n for n in range(1, 6)]
    assert caplog.text.count("the stream cannot read the pools") == 1


def test_long_life_ends_cleanly(serve_app: Serve, make: Make) -> None:
    with listening(serve_app(make(life=0.1))) as stream:
        seen = [message.event for message in stream]
    assert seen[0] == "reset"
    assert set(seen[1:]) == {"batch"}


def test_close_ends_streams_cleanly(serve_app: Serve, make: Make) -> None:
    site = make(period=30.0)
    base = serve_app(site)
    with listening(base) as one, listening(base) as two:
        assert [next(one).event, next(two).event] == ["reset", "reset"]
        start = time.monotonic()
        site.close()
        assert [list(one), list(two)] == [[], []]
        assert time.monotonic() - start < 1.0
    assert first(base, 1)[0].event == "reset"


def test_two_loops_have_a_hub_each(serve_app: Serve, make: Make) -> None:
    site = make()
    one, two = serve_app(site), serve_app(site)
    with listening(one) as a, listening(two) as b:
        epochs = {next(stream).id.partition("-")[0] for stream in (a, b)}
        assert len(epochs) == 2
        assert site.streams.count == 2
        site.close()
        assert {message.event for stream in (a, b) for message in stream} <= {"batch"}


@contextmanager
def stalled(base: str) -> Iterator[socket.socket]:
    """A client that asks for the stream and takes next to nothing of it."""
    address = urlsplit(base)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((address.hostname, address.port))
        connection.sendall(b"GET /api/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert connection.recv(15) == b"HTTP/1.1 200 OK"
        yield connection


def test_stalled_client_is_cut_and_others_go_on(serve_app: Serve, make: Make) -> None:
    site = make(many(300), send_timeout=0.5)
    base = serve_app(site)
    with listening(base) as good, stalled(base) as bad:
        assert next(good).event == "reset"
        behind = iter(lambda: next(good).event, "never")
        eventually(lambda: site.streams.cut == 1 or next(behind) == "never", within=60)
        assert site.streams.count == 1
        assert {next(good).event for _ in range(3)} <= {"batch", "reset"}
        assert b"".join(iter(lambda: bad.recv(1 << 20), b""))


def test_close_cuts_a_stalled_client(serve_app: Serve, make: Make) -> None:
    given = many(300)
    site = make(given)
    with stalled(serve_app(site)):
        eventually(lambda: site.streams._hubs)
        hub = next(iter(site.streams._hubs.values()))
        eventually(lambda: hub._clients)
        client = next(iter(hub._clients))
        eventually(lambda: client.is_behind and hub._seq > 5, within=60)
        start = time.monotonic()
        site.close()
        eventually(lambda: site.streams.count == 0)
        assert time.monotonic() - start < 1.0
        assert site.streams.cut == 1
