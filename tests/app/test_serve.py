"""`dash.serve()`: a thread and a loop of its own, and nothing left when it ends."""

import asyncio
import signal
import socket
import threading
import time

import httpx
import pytest
from sqlalchemy import Engine

from dashboard import Dashboard, DashboardError
from dashboard.serving import Server
from tests.web.listening import listening

from .conftest import Dash
from .given import TOKEN, eventually


def names(server: Server) -> list[str]:
    return [pool["name"] for pool in httpx.get(f"{server.url}/api/pools").json()]


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "pool-dashboard" in thread.name]


def test_serves_until_the_block_ends(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with dash.serve(port=0) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert names(server) == ["orders"]
        assert threads() == ["pool-dashboard"]
    assert threads() == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def test_closing_twice_is_once(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    server.close()
    server.close()
    assert threads() == []


def test_client_that_reads_nothing_leaves_no_socket(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    ask = f"GET /static/css/base.css HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n"
    with socket.create_connection((server.host, server.port)) as deaf:
        deaf.settimeout(0.5)
        with pytest.raises(TimeoutError):  # All that lies between is full.
            deaf.sendall(ask.encode() * 200_000)
        server.close()
        assert server._server.server_state.connections == set()


def test_ipv6_loopback_has_brackets(dash: Dashboard) -> None:
    with dash.serve(port=0, host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert names(server) == []


async def test_answers_while_the_loop_is_blocked(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    found: list[list[str]] = []
    with dash.serve(port=0) as server:
        asker = threading.Thread(target=lambda: found.append(names(server)))
        asyncio.get_running_loop().call_soon(asker.start)
        await asyncio.sleep(0)
        asker.join(60)  # Blocks this event loop until the answer is there.
    assert found == [["orders"]]


def test_port_in_use_is_told(dash: Dashboard) -> None:
    with dash.serve(port=0) as first, pytest.raises(DashboardError) as told:
        dash.serve(port=first.port)
    assert str(told.value) == (
        f"cannot serve on 127.0.0.1:{first.port}: Address already in use; choose another port="
    )


@pytest.mark.parametrize("port", [-1, 65536, 10**20, "8765", None, 80.5])
def test_wrong_port_is_told(dash: Dashboard, port: int) -> None:
    with pytest.raises(DashboardError, match=r"^cannot serve on 127\.0\.0\.1:.*another port="):
        dash.serve(port=port)


@pytest.mark.parametrize("host", ["nowhere.invalid", "203.0.113.7", None, 5])
def test_wrong_host_is_told(make_dash: Dash, host: str) -> None:
    with pytest.raises(DashboardError, match="cannot serve on "):
        make_dash(token=TOKEN).serve(port=0, host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_open_bind_without_token_is_refused(make_dash: Dash, host: str) -> None:
    for dash in (make_dash(), make_dash(allow_unauthenticated=True)):
        with pytest.raises(DashboardError, match=r"pass token=\.\.\. or set POOL_DASHBOARD_TOKEN"):
            dash.serve(port=0, host=host)
    assert threads() == []


def test_open_bind_needs_its_token(make_dash: Dash) -> None:
    dash = make_dash(token=TOKEN)
    with dash.serve(port=0, host="0.0.0.0") as server:
        url = f"http://127.0.0.1:{server.port}/api/pools"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_launch_url_lets_one_browser_in(make_dash: Dash) -> None:
    with make_dash(token=TOKEN).serve(port=0) as server, httpx.Client() as browser:
        assert TOKEN not in server.launch_url()
        url = server.launch_url()
        assert browser.get(url, follow_redirects=True).status_code == 200
        assert "token" not in str(browser.get(server.url, follow_redirects=True).url)
        assert httpx.get(url, follow_redirects=True).status_code == 401


def test_foreign_host_header_is_refused(make_dash: Dash) -> None:
    with make_dash(allowed_hosts=["pools.test"]).serve(port=0) as server:
        asked = {name: {"host": name} for name in ("evil.test", "localhost", "pools.test")}
        assert {
            name: httpx.get(server.url, headers=headers).status_code
            for name, headers in asked.items()
        } == {"evil.test": 400, "localhost": 200, "pools.test": 200}


def test_open_stream_ends_within_two_seconds(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    with listening(server.url) as stream:
        assert next(stream).event == "reset"
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 2
        assert threads() == []
        assert [message.event for message in stream if message.event == "reset"] == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_stalled_stream_ends_within_two_seconds(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 2
    assert threads() == []


def test_half_a_request_does_not_hold(dash: Dashboard) -> None:
    server = dash.serve(port=0)
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: local")
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 2
    assert threads() == []


def test_signals_stay_the_hosts(dash: Dashboard) -> None:
    kinds = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = [signal.getsignal(kind) for kind in kinds]
    with dash.serve(port=0) as server:
        assert httpx.get(server.url).status_code == 200
        assert [signal.getsignal(kind) for kind in kinds] == before
    assert [signal.getsignal(kind) for kind in kinds] == before


def test_two_servers_at_once(make_dash: Dash, engine: Engine) -> None:
    dash, other = make_dash(), make_dash()
    dash.watch(engine, name="orders")
    with dash.serve(port=0) as first, dash.serve(port=0) as second, other.serve(port=0) as third:
        assert [names(each) for each in (first, second, third)] == [["orders"], ["orders"], []]
        second.close()
        assert names(first) == ["orders"]


def test_stop_ends_the_streams(dash: Dashboard) -> None:
    with dash.serve(port=0) as server, listening(server.url) as stream:
        assert next(stream).event == "reset"
        dash.stop()
        assert [message.event for message in stream if message.event == "reset"] == []


def test_checkout_reaches_the_stream_soon(dash: Dashboard, engine: Engine) -> None:
    dash.watch(engine, name="orders")
    with dash.serve(port=0) as server, listening(server.url) as stream:
        assert next(stream).event == "reset"
        began = time.monotonic()
        with engine.connect():
            for message in stream:
                if message.event == "batch" and "CheckedOut" in str(message.data["events"]):
                    break
            assert time.monotonic() - began < 1


def test_serving_again_after_closing(dash: Dashboard) -> None:
    for _ in range(3):
        with dash.serve(port=0) as server:
            assert names(server) == []
    eventually(lambda: threads() == [])
