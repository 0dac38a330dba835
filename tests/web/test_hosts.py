"""Which Host and Origin a policy takes for its own."""

from collections.abc import Sequence

import pytest

from dashboard.model.errors import DashboardError
from dashboard.web.access import Access

from .crowded import TOKEN
from .scopes import HOST, bearer, scope, status


@pytest.mark.parametrize(
    "hosts",
    [
        (b"evil.com",),
        (b"127.0.0.1.nip.io",),
        (b"localhost.evil.com",),
        (b"localhost@evil.com",),
        (b"evil.com#localhost",),
        (b"localhost.",),
        (b"127.0.0.1.",),
        (b"",),
        (b"localhost", b"localhost"),
        (b"localhost", b"evil.com"),
        (b"localhost:80:80",),
        (b"localhost:port",),
        (b"a/healthz?",),
        (b"localhost/healthz?",),
        (b" localhost",),
        (b"localhost\n",),
        ("ｌocalhost".encode(),),
        (b"[::1",),
        (b"2130706433",),
        (b"x" * 300,),
        (),
    ],
)
async def test_served_on_loopback_knows_its_names(hosts: Sequence[bytes]) -> None:
    headers = [(b"host", host) for host in hosts] or [(b"accept", b"*/*")]
    assert await status(Access(served_on="127.0.0.1"), scope(*headers)) == 400


@pytest.mark.parametrize(
    "host", [b"localhost", b"localhost:8765", b"LOCALHOST:1", b"127.0.0.1:8765", b"[::1]:8765"]
)
async def test_served_on_loopback_is_open(host: bytes) -> None:
    assert await status(Access(served_on="127.0.0.1"), scope((b"host", host))) == 200


async def test_served_on_loopback_with_token_needs_it() -> None:
    access = Access(served_on="localhost", token=TOKEN)
    host = (b"host", b"localhost:8765")
    assert await status(access, scope(host)) == 401
    assert await status(access, scope(host, bearer(TOKEN))) == 200


def test_served_to_the_network_needs_a_token() -> None:
    for address in ("0.0.0.0", "::", "", "10.0.0.5", "pools.example.com"):
        with pytest.raises(DashboardError, match="POOL_DASHBOARD_TOKEN"):
            Access(served_on=address)
        with pytest.raises(DashboardError, match="POOL_DASHBOARD_TOKEN"):
            Access(served_on=address, allow_unauthenticated=True)
        Access(served_on=address, token=TOKEN)


async def test_served_to_the_network_answers_to_addresses_only() -> None:
    access = Access(served_on="0.0.0.0", token=TOKEN, allowed_hosts=["pools.example.com"])
    for host in (b"10.1.2.3:8765", b"[2001:db8::1]:8765", b"localhost", b"pools.example.com"):
        assert await status(access, scope((b"host", host), bearer(TOKEN))) == 200
    assert await status(access, scope((b"host", b"evil.com"), bearer(TOKEN))) == 400


async def test_mounted_answers_to_what_the_host_serves() -> None:
    access = Access(allow_unauthenticated=True)
    for host in (b"pools.example.com", b"evil.com", b"a/healthz?"):
        assert await status(access, scope((b"host", host))) == 200


async def test_allowed_hosts_are_compared_whole() -> None:
    access = Access(
        allow_unauthenticated=True, allowed_hosts=["Pools.Example.com", "*.corp.example", "::1"]
    )
    for host in (b"pools.example.com:443", b"a.corp.example", b"a.b.corp.example", b"[::1]"):
        assert await status(access, scope((b"host", host))) == 200
    for host in (
        b"xpools.example.com",
        b"pools.example.com.evil.com",
        b"corp.example",
        b"localhost",
    ):
        assert await status(access, scope((b"host", host))) == 400
    anything = Access(allow_unauthenticated=True, allowed_hosts=["*"])
    assert await status(anything, scope((b"host", b"evil.com"))) == 200


@pytest.mark.parametrize(
    "name",
    ["https://a.example", "a.example:443", "a.example/", "a.example.", "", "a b", "*.*.a", 7],
)
def test_wrong_allowed_host_is_refused(name: object) -> None:
    with pytest.raises(DashboardError, match="allowed_hosts takes names"):
        Access(allow_unauthenticated=True, allowed_hosts=[name])  # type: ignore[list-item]


def test_wrong_options_are_refused_when_given() -> None:
    with pytest.raises(DashboardError, match=r"takes a list of names: \['a.example'\]"):
        Access(allow_unauthenticated=True, allowed_hosts="a.example")
    with pytest.raises(DashboardError, match="auth takes a function"):
        Access(auth="admin")  # type: ignore[arg-type]
    with pytest.raises(DashboardError, match="leave one of them out"):
        Access(allow_unauthenticated=True, token=TOKEN)
    with pytest.raises(DashboardError, match="leave one of them out"):
        Access(allow_unauthenticated=True, auth=lambda _: True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((), 200),
        (((b"origin", b"http://pools.example.com"),), 200),
        (((b"origin", b"https://pools.example.com"),), 200),
        (((b"origin", b"http://evil.com"),), 403),
        (((b"origin", b"http://pools.example.com.evil.com"),), 403),
        (((b"origin", b"http://pools.example.com:8080"),), 403),
        (((b"origin", b"null"),), 403),
        (((b"origin", b""),), 403),
        (((b"origin", b"http://pools.example.com"), (b"origin", b"http://evil.com")), 403),
        (((b"sec-fetch-site", b"cross-site"),), 403),
        (((b"sec-fetch-site", b"same-site"),), 403),
        (((b"sec-fetch-site", b"same-origin"),), 200),
    ],
)
async def test_foreign_page_cannot_post(
    headers: Sequence[tuple[bytes, bytes]], expected: int
) -> None:
    access = Access(allow_unauthenticated=True)
    assert await status(access, scope(HOST, *headers, method="POST")) == expected
    assert await status(access, scope(HOST, *headers)) == 200


async def test_plain_page_cannot_post_to_secure_one() -> None:
    access = Access(allow_unauthenticated=True)
    foreign = scope(HOST, (b"origin", b"http://pools.example.com"), method="POST", scheme="https")
    assert await status(access, foreign) == 403


async def test_forwarded_headers_are_ignored() -> None:
    access = Access(served_on="127.0.0.1")
    spoofed = (
        (b"host", b"evil.com"),
        (b"x-forwarded-host", b"localhost"),
        (b"forwarded", b"host=localhost;for=127.0.0.1"),
        (b"x-forwarded-for", b"127.0.0.1"),
    )
    assert await status(access, scope(*spoofed)) == 400
