"""Who may look: the policy, decided on scopes of plain data."""

import logging
from collections.abc import Awaitable

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from dashboard.model.errors import DashboardError
from dashboard.web.access import Access, Entry, Refusal

from .crowded import TOKEN
from .scopes import HOST, bearer, scope, status


async def test_mounted_without_anything_is_closed() -> None:
    decision = await Access().decide(scope())
    assert isinstance(decision, Refusal)
    assert decision.status == 401
    for option in ("auth=", "token=", "allow_unauthenticated=True", "POOL_DASHBOARD_TOKEN"):
        assert option in decision.detail


async def test_open_must_be_spelled_out_and_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        access = Access(allow_unauthenticated=True)
        assert [await status(access, scope()) for _ in range(3)] == [200, 200, 200]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


async def test_token_opens_as_bearer() -> None:
    access = Access(token=TOKEN)
    assert await status(access, scope()) == 401
    assert await status(access, scope(HOST, bearer(TOKEN))) == 200
    assert await status(access, scope(HOST, bearer(TOKEN[:-1]))) == 401
    assert await status(access, scope(HOST, bearer(""))) == 401
    assert await status(access, scope(HOST, (b"authorization", TOKEN.encode()))) == 401
    assert await status(access, scope(HOST, (b"x-token", TOKEN.encode()))) == 401


async def test_token_in_url_becomes_cookie() -> None:
    access = Access(token=TOKEN)
    request = scope(path="/leaks", query=f"range=5m&token={TOKEN}&pool=a%26b".encode())
    entry = await access.decide(request)
    assert isinstance(entry, Entry)
    assert entry.location == "/leaks?range=5m&pool=a%26b"
    assert request["query_string"] == b"range=5m&pool=a%26b"
    name, _, rest = entry.cookie.partition("=")
    value, _, attributes = rest.partition("; ")
    assert attributes == "Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"
    assert TOKEN not in entry.cookie
    assert await status(access, scope(HOST, (b"cookie", f"{name}={value}".encode()))) == 200
    assert await status(access, scope(HOST, (b"cookie", f"{name}={value}x".encode()))) == 401


async def test_cookie_is_kept_to_its_mount() -> None:
    access = Access(token=TOKEN)
    query = f"token={TOKEN}".encode()
    mounted = scope(path="/ops/pools/", root_path="/ops/pools", query=query, scheme="https")
    entry = await access.decide(mounted)
    assert isinstance(entry, Entry)
    assert entry.location == "/ops/pools/"
    assert entry.cookie.startswith("pool_dashboard_")
    assert entry.cookie.endswith(
        "Path=/ops/pools; Max-Age=604800; HttpOnly; SameSite=Strict; Secure"
    )
    at_root = await access.decide(scope(query=query, scheme="https"))
    assert isinstance(at_root, Entry)
    assert at_root.cookie.startswith("__Host-pool_dashboard_")
    name_and_value = at_root.cookie.partition(";")[0].encode()
    assert await status(access, scope(HOST, (b"cookie", name_and_value))) == 200


async def test_redirect_never_leaves_the_site() -> None:
    access = Access(token=TOKEN)
    query = f"token={TOKEN}".encode()
    for path in (
        "//evil.example/",
        "/\\evil.example",
        "/\r\nset-cookie: a=b",
        "/%2f%2fevil.example",
    ):
        entry = await access.decide(scope(path=path, query=query))
        assert isinstance(entry, Entry)
        assert entry.location.startswith("/")
        assert not entry.location.startswith(("//", "/\\"))
        assert entry.location.isprintable()


async def test_prefix_left_out_of_path_is_put_back() -> None:
    entry = await Access(token=TOKEN).decide(
        scope(path="/leaks", root_path="/ops", query=f"token={TOKEN}".encode())
    )
    assert isinstance(entry, Entry)
    assert entry.location == "/ops/leaks"


async def test_every_worker_accepts_the_cookie_until_it_expires() -> None:
    now = 1_000_000.0
    one = Access(token=TOKEN, wall=lambda: now)
    other = Access(token=TOKEN, wall=lambda: now)
    stranger = Access(token=TOKEN[::-1], wall=lambda: now)
    entry = await one.decide(scope(query=f"token={TOKEN}".encode()))
    assert isinstance(entry, Entry)
    cookie = (b"cookie", entry.cookie.partition(";")[0].encode())
    assert await status(other, scope(HOST, cookie)) == 200
    assert await status(stranger, scope(HOST, cookie)) == 401
    now += 7 * 86400
    assert await status(other, scope(HOST, cookie)) == 401


async def test_launch_code_works_once_within_a_minute() -> None:
    now = 0.0
    access = Access(token=TOKEN, clock=lambda: now)
    code, late = access.launch_code(), access.launch_code()
    assert await status(access, scope(query=f"token={code}".encode())) == 303
    assert await status(access, scope(query=f"token={code}".encode())) == 401
    now = 60.0
    assert await status(access, scope(query=f"token={late}".encode())) == 401


async def test_launch_codes_are_few() -> None:
    access = Access(token=TOKEN)
    first, *rest = [access.launch_code() for _ in range(17)]
    assert await status(access, scope(query=f"token={first}".encode())) == 401
    assert await status(access, scope(query=f"token={rest[0]}".encode())) == 303


async def test_head_does_not_use_up_a_code() -> None:
    access = Access(token=TOKEN)
    query = f"token={access.launch_code()}".encode()
    assert await status(access, scope(query=query, method="HEAD")) == 401
    assert await status(access, scope(query=query)) == 303


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"sec-fetch-site", b"cross-site")], True),
        ([(b"sec-fetch-site", b"same-site")], True),
        ([(b"sec-fetch-site", b"none"), (b"accept", b"text/html")], False),
        ([(b"sec-fetch-site", b"same-origin")], False),
        ([(b"accept", b"text/html,*/*")], True),
        ([(b"accept", b"*/*")], False),
    ],
)
async def test_link_from_elsewhere_is_told_apart(
    headers: list[tuple[bytes, bytes]],
    expected: bool,  # noqa: FBT001
) -> None:
    entry = await Access(token=TOKEN).decide(scope(HOST, *headers, query=f"token={TOKEN}".encode()))
    assert isinstance(entry, Entry)
    assert entry.is_from_elsewhere is expected


async def test_link_from_elsewhere_is_asked_once_more() -> None:
    access = Access(token=TOKEN)
    cross = (b"sec-fetch-site", b"cross-site")
    refusal = await access.decide(scope(HOST, cross, query=b"range=5m"))
    assert isinstance(refusal, Refusal)
    assert refusal.headers[1:] == (("refresh", "0; url=?range=5m&token="),)
    for _ in range(9):
        again = await access.decide(scope(HOST, cross, query=b"range=5m&token="))
        assert isinstance(again, Refusal)
        assert (again.status, again.headers[1:]) == (401, ())
    entry = await access.decide(scope(query=f"token={TOKEN}".encode()))
    assert isinstance(entry, Entry)
    cookie = (b"cookie", entry.cookie.partition(";")[0].encode())
    back = await access.decide(scope(HOST, cookie, query=b"range=5m&token="))
    assert isinstance(back, Entry)
    assert (back.location, back.cookie) == ("/?range=5m", "")


async def test_wrong_tokens_are_counted_by_address() -> None:
    now = 0.0
    access = Access(token=TOKEN, clock=lambda: now)
    wrong = scope(HOST, bearer("x" * 40))
    assert [await status(access, wrong) for _ in range(7)] == [401] * 5 + [429] * 2
    assert await status(access, scope(query=b"token=guess")) == 429
    assert await status(access, scope()) == 401
    assert await status(access, scope(HOST, bearer("x" * 40), client="192.0.2.8")) == 401
    assert await status(access, scope(HOST, bearer(TOKEN))) == 200
    refusal = await access.decide(wrong)
    assert isinstance(refusal, Refusal)
    assert refusal.headers == (("retry-after", "61"),)
    now = 60.0
    assert await status(access, wrong) == 401


@pytest.mark.parametrize(
    ("token", "complaint"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("hunter2", "128 random bits"),
        ("0123456789" * 3, "128 random bits"),
        ("a" * 200, "128 random bits"),
        ("abababababababababababababababababababab", "128 random bits"),
        ("geheim " + TOKEN, "no header can carry"),
        ("süß" + TOKEN, "no header can carry"),
    ],
)
def test_weak_token_is_refused(token: str, complaint: str) -> None:
    with pytest.raises(DashboardError, match=complaint) as refused:
        Access(token=token)
    assert "secrets.token_urlsafe" in str(refused.value)
    assert not token.strip() or token not in str(refused.value)


@pytest.mark.parametrize(
    "token", [TOKEN, f" {TOKEN}\n", "0123456789abcdef" * 2, "f" + "01234567" * 5]
)
def test_long_token_is_taken(token: str) -> None:
    Access(token=token)


async def test_auth_function_decides() -> None:
    def sync(request: Request) -> bool:
        return request.headers["host"] == "pools.example.com"

    async def awaited(request: Request) -> bool:
        return sync(request)

    class Callable:
        async def __call__(self, request: Request) -> bool:
            return sync(request)

    def indirect(request: Request) -> Awaitable[bool]:
        return awaited(request)

    for auth in (sync, awaited, Callable(), indirect):
        access = Access(auth=auth)
        assert await status(access, scope()) == 200
        assert await status(access, scope((b"host", b"other.example"))) == 401


async def test_auth_that_fails_stays_closed(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> bool:
        raise LookupError("no session")

    access = Access(auth=broken)
    assert [await status(access, scope()) for _ in range(3)] == [503, 503, 503]
    assert len(caplog.records) == 1
    refusal = await access.decide(scope())
    assert isinstance(refusal, Refusal)
    assert "no session" not in refusal.detail


async def test_auth_answer_must_be_a_bool() -> None:
    for answer in (1, "yes", None, object()):
        access = Access(auth=lambda _, answer=answer: answer)  # type: ignore[misc]
        assert await status(access, scope()) == 503


async def test_auth_may_raise_http_exceptions() -> None:
    def forbid(request: Request) -> bool:
        raise HTTPException(403)

    def teapot(request: Request) -> bool:
        raise HTTPException(418)

    assert await status(Access(auth=forbid), scope()) == 401
    assert await status(Access(auth=teapot), scope()) == 503


async def test_token_or_auth_is_enough() -> None:
    access = Access(auth=lambda request: "x-user" in request.headers, token=TOKEN)
    assert await status(access, scope(HOST, (b"x-user", b"ann"))) == 200
    assert await status(access, scope(HOST, bearer(TOKEN))) == 200
    assert await status(access, scope(HOST, (b"x-user", b"ann"), bearer("the host's own"))) == 200
    assert await status(access, scope()) == 401


async def test_query_of_the_host_is_left_alone() -> None:
    request = scope(query=b"token=of-the-host")
    access = Access(auth=lambda request: request.query_params["token"] == "of-the-host")
    assert await status(access, request) == 200
    assert request["query_string"] == b"token=of-the-host"
