"""The process around it: imports, fork, and the end of the interpreter."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from dashboard import Dashboard

from .conftest import Dash
from .given import ask

_ROOT = Path(__file__).parents[2]
_REFUSE = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {REFUSED}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Refuse())
"""


#: The scripts end without closing their engines, on purpose; from 3.13 on sqlite3 says so.
_QUIET = ("-W", "ignore:unclosed database in <sqlite3.Connection:ResourceWarning")


def python(script: str, **names: object) -> subprocess.CompletedProcess[str]:
    """Runs a script in a process of its own, with warnings on."""
    text = textwrap.dedent(script)
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", repr(value))
    return subprocess.run(
        [sys.executable, "-W", "error", *_QUIET, "-c", text],
        check=False,
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )


def said(ended: subprocess.CompletedProcess[str]) -> Any:
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def test_import_needs_no_pool_library() -> None:
    pools = ["sqlalchemy", "greenlet", "asyncpg", "aiohttp", "redis", "psycopg", "httpx"]
    ended = python(
        _REFUSE
        + """
import json, dashboard
try:
    dashboard.Dashboard(allow_unauthenticated=True).watch(object())
except dashboard.DashboardError as error:
    print(json.dumps(str(error)))
""",
        REFUSED=pools,
    )
    assert said(ended).startswith("no probe for builtins.object; supported: ")


def test_import_is_light() -> None:
    ended = python("""
        import json, sys, threading, dashboard
        heavy = ["sqlalchemy", "asyncpg", "aiohttp", "redis", "uvicorn", "jinja2",
                 "sse_starlette", "starlette", "prometheus_client", "anyio"]
        print(json.dumps([[name for name in heavy if name in sys.modules],
                          threading.active_count()]))
    """)
    assert said(ended) == [[], 1]


def test_dashboard_alone_is_light() -> None:
    ended = python("""
        import json, sys, threading, dashboard, sqlalchemy
        dash = dashboard.Dashboard()
        dash.watch(sqlalchemy.create_engine("sqlite://"))
        dash.snapshot()
        print(json.dumps([[name for name in ("uvicorn", "jinja2", "sse_starlette", "asyncpg")
                           if name in sys.modules], threading.active_count()]))
    """)
    assert said(ended) == [[], 1]


def test_interpreter_ends_while_serving() -> None:
    ended = python("""
        import time, urllib.request
        import sqlalchemy
        from dashboard import Dashboard
        engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.QueuePool)
        dash = Dashboard()
        dash.watch(engine)
        server = dash.serve(port=0)
        held = engine.connect()
        with urllib.request.urlopen(server.url + "/api/pools") as answer:
            assert answer.status == 200
        stream = urllib.request.urlopen(server.url + "/api/stream")
        stream.readline()
        stream.close()
        print(time.time())
    """)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.time() - float(ended.stdout) < 3


def test_interpreter_ends_with_a_stream_open() -> None:
    ended = python("""
        import socket, threading, time
        from dashboard import Dashboard
        server = Dashboard().serve(port=0)
        client = socket.create_connection((server.host, server.port))
        client.sendall(b"GET /api/stream HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        client.detach()
        print(time.time())
    """)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.time() - float(ended.stdout) < 3


def test_interpreter_ends_on_an_error() -> None:
    ended = python("""
        from dashboard import Dashboard
        server = Dashboard().serve(port=0)
        raise SystemExit(3)
    """)
    assert (ended.returncode, ended.stderr) == (3, "")


def in_child(answer: Callable[[], object]) -> Any:
    """What a forked child says, as JSON."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sink, json.dumps(answer()).encode())
        except BaseException as error:  # noqa: BLE001 -- the child must end here
            os.write(sink, json.dumps(f"child: {error!r}").encode())
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source, "rb") as pipe:
        said = json.loads(pipe.read())
    os.waitpid(child, 0)
    return said


def figures(dash: Dashboard) -> list[int]:
    pool = dash.snapshot().pools["orders"]
    return [pool.used, pool.idle, pool.checkouts, pool.checkins, pool.created, pool.unmatched]


def test_child_counts_for_itself(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    for _ in range(3):
        with engine.connect():
            pass

    def child() -> object:
        before = figures(dash)
        for _ in range(2):
            with engine.connect():
                pass
        return [before, figures(dash), dash.snapshot().source.pid == os.getpid()]

    assert in_child(child) == [[0, 1, 0, 0, 0, 0], [0, 1, 2, 2, 0, 0], True]
    assert figures(dash) == [0, 1, 3, 3, 1, 0]
    assert dash.snapshot().source.pid == os.getpid()


def test_child_inherits_what_is_out(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    held = engine.connect()

    def child() -> object:
        before = figures(dash)
        held.close()
        return [before, figures(dash)]

    assert in_child(child) == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0, 0]]
    assert figures(dash) == [1, 0, 1, 0, 1, 0]
    held.close()


def test_child_of_two_dashboards(make_dash: Dash, engine: Engine) -> None:
    dashes = [make_dash(), make_dash()]
    for dash in dashes:
        dash.watch(engine, name="orders")

    def child() -> object:
        with engine.connect():
            return [figures(dash)[:3] for dash in dashes]

    assert in_child(child) == [[1, 0, 1], [1, 0, 1]]
    assert [figures(dash) for dash in dashes] == [[0, 0, 0, 0, 0, 0]] * 2


def test_child_reads_events_afresh(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    for _ in range(3):
        with engine.connect():
            pass
    _, cursor, _ = dash._reader.events(0, 100)

    def child() -> object:
        with engine.connect():
            pass
        events, newest, dropped = dash._reader.events(cursor, 100)
        return [len(events) < 5, newest < cursor, dropped]

    assert in_child(child) == [True, True, 0]


def test_child_answers_requests(make_dash: Dash, engine: Engine) -> None:
    dash = make_dash(allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    assert ask(dash, "/").status_code == 200

    def child() -> object:
        with engine.connect():
            (pool,) = ask(dash, "/api/pools").json()
        return [pool["used"], pool["source"]["pid"] == os.getpid()]

    assert in_child(child) == [1, True]


def test_child_can_watch_and_serve(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with dash.serve(port=0) as outer:

        def child() -> object:
            dash.stop()
            dash.watch(engine, name="mine")
            with dash.serve(port=0) as server:
                return [pool["name"] for pool in httpx.get(f"{server.url}/api/pools").json()]

        assert in_child(child) == ["mine"]
        (pool,) = httpx.get(f"{outer.url}/api/pools").json()
        assert pool["name"] == "orders"


def test_child_does_not_keep_the_port(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    ready, told = os.pipe()
    leave, end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, b"x")
        os.close(end)
        os.read(leave, 1)
        os._exit(0)
    assert os.read(ready, 1) == b"x"
    server.close()
    try:
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url, timeout=1)
    finally:
        for each in (end, leave, ready, told):
            os.close(each)
        os.waitpid(child, 0)
