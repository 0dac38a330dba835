"""The command: its words, its refusals, and the report of a running dashboard."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from dashboard import Dashboard

from .conftest import Dash
from .given import TOKEN

_ROOT = Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dashboard", *arguments]
    plain = {name: value for name, value in os.environ.items() if name != "POOL_DASHBOARD_TOKEN"}
    return subprocess.run(
        command,
        check=False,
        cwd=_ROOT,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=30,
    )


def refused(*arguments: str, **environment: str) -> str:
    """The one line that says why: status 2, no traceback, nothing on stdout."""
    ended = run(*arguments, **environment)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("pool-dashboard")]
    assert len(lines) == 1
    assert ended.stderr.splitlines()[-1] == lines[0]
    return lines[0]


def test_help_names_the_commands() -> None:
    ended = run("--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    for word in ("usage: pool-dashboard", "demo", "serve", "run", "check", "report"):
        assert word in ended.stdout


@pytest.mark.parametrize("command", ["demo", "serve", "run", "check", "report"])
def test_each_command_has_help(command: str) -> None:
    ended = run(command, "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"usage: pool-dashboard {command}" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["dmeo"], "'dmeo'"),
        (["demo", "--port", "80"], "--port"),
        (["demo", "--once", "soon"], "argument --once: seconds above 0, not 'soon'"),
        (["demo", "--once", "0"], "argument --once: seconds above 0, not '0'"),
        (["demo", "--once", "-5"], "argument --once: seconds above 0, not '-5'"),
        (["demo", "--once", "inf"], "argument --once: seconds above 0, not 'inf'"),
        (["demo", "--once", "nan"], "argument --once: seconds above 0, not 'nan'"),
        (["demo", "--seed", "x"], "--seed"),
        (["demo", "--listen", "8765"], "--listen takes HOST:PORT, not '8765'"),
        (["demo", "--listen", "127.0.0.1:http"], "not '127.0.0.1:http'"),
        (["demo", "--listen", "127.0.0.1:70000"], "not '127.0.0.1:70000'"),
        (["demo", "--listen", "0.0.0.0:0"], "on this machine only, not on '0.0.0.0'"),
        (["report"], "URL"),
        (["report", "127.0.0.1:8765"], "it begins with http:// or https://"),
        (["report", "file:///etc/passwd"], "it begins with http:// or https://"),
        (["report", "http://127.0.0.1:port/"], "no dashboard answers at"),
        (["report", "http://"], "no dashboard answers at"),
        (["report", "http://nowhere.invalid/"], "no dashboard answers at"),
    ],
)
def test_wrong_words_are_refused(arguments: list[str], words: str) -> None:
    assert words in refused(*arguments)


def test_port_in_use_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("demo", "--listen", f"127.0.0.1:{port}")
    assert said.startswith(f"pool-dashboard demo: port {port} is in use")


def test_report_of_a_running_dashboard(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with dash.serve(port=0) as server:
        for url in (server.url, server.url + "/"):
            ended = run("report", url)
            assert (ended.returncode, ended.stderr) == (0, "")
            assert ended.stdout.startswith("# Pool report\n")
            assert "orders" in ended.stdout


def test_report_of_nothing_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said = refused("report", f"http://127.0.0.1:{port}/")
    assert said == (
        f"pool-dashboard: no dashboard answers at http://127.0.0.1:{port}/: "
        "[Errno 111] Connection refused"
    )


def test_report_needs_the_token(make_dash: Dash) -> None:
    with make_dash(token=TOKEN).serve(port=0) as server:
        assert run("report", server.url, "--token", TOKEN).returncode == 0
        assert run("report", server.url, POOL_DASHBOARD_TOKEN=TOKEN).returncode == 0
        hint = (
            f"pool-dashboard: {server.url} answered 401 Unauthorized; pass its token with --token"
        )
        assert refused("report", server.url) == hint
        wrong = TOKEN[::-1]
        assert refused("report", server.url, "--token", wrong) == hint
        assert wrong not in refused("report", server.url, "--token", wrong)


class Stranger(http.server.BaseHTTPRequestHandler):
    """Some other server: its pages are no reports, and it sends callers away."""

    seen: list[str]

    def do_GET(self) -> None:
        """Notes who comes with a token."""
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{self.server.server_port}/page")  # type: ignore[attr-defined]
            self.end_headers()
            return
        self.seen.append(self.headers.get("authorization", ""))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<h1>Hello</h1>")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    Stranger.seen = []
    with http.server.HTTPServer(("127.0.0.1", 0), Stranger) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_other_server_is_no_dashboard(stranger: str) -> None:
    assert refused("report", stranger).startswith(
        f"pool-dashboard: {stranger} is no dashboard: it answered text/html"
    )


def test_token_does_not_follow_a_redirect(stranger: str) -> None:
    refused("report", f"{stranger}/away", "--token", TOKEN)
    assert Stranger.seen == [""]
