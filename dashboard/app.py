"""The dashboard: wires the rooms and is an ASGI application."""

import os
import socket
import time
import weakref
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from . import options
from .backends import Backends
from .middleware import RequestMiddleware
from .model.errors import DashboardError
from .model.findings import Advice, Incident, Suspect
from .model.limits import ServerLimit
from .model.snapshot import Snapshot
from .model.whatif import Prediction, Row
from .reading import Reader
from .recorder.budget import BUDGET
from .watching import Watch, Watches
from .watching_all import WatchAll, stop_all, watch_all

if TYPE_CHECKING:
    from .serving import Server
    from .web.site import Site

#: Names the token for reading, unless `token=` is given.
TOKEN: Final = "POOL_DASHBOARD_TOKEN"  # noqa: S105 -- the variable's name


class Dashboard:
    """Shows who holds the connections of the pools that it watches, and why.

    An ASGI application: mount it under any prefix (`app.mount("/pools", dash)`), or let it serve
    itself in its own thread (`dash.serve()`). Options are checked here; DashboardError says which
    is wrong.
    """

    #: For `app.add_middleware(dash.middleware)`: method and route of the request that checks out.
    middleware = RequestMiddleware

    def __init__(  # noqa: PLR0913 -- the options of the product, all by name
        self,
        *,
        title: str = "Pools",
        auth: Callable[[Any], bool | Awaitable[bool]] | None = None,
        token: str | None = None,
        allow_unauthenticated: bool = False,
        allowed_hosts: Iterable[str] | None = None,
        leak_after: float | None = None,
        long_holders: Iterable[str] = (),
        backends: str | None = None,
        show_queries: bool = False,
        frame_ancestors: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`leak_after` in seconds; `token` also from POOL_DASHBOARD_TOKEN.

        `long_holders` are patterns of call sites that may hold for as long as they like, such as
        `nightly.py:*` or `*.listen`. `backends` is the DSN of a PostgreSQL server that may be asked
        for its own view, by one short-lived connection every two seconds at most, while somebody
        looks; its queries are shown, without literals, only with `show_queries`.
        `frame_ancestors` names the origins that may show the dashboard in a frame.
        """
        if leak_after is not None:
            leak_after = options.seconds("leak_after", leak_after)
        self.title = options.title(title)
        self._auth = auth
        self._is_open = options.flag("allow_unauthenticated", allow_unauthenticated)
        if token is None and not self._is_open:
            token = os.environ.get(TOKEN) or None
        self._token = options.token(token)
        self._hosts = (
            None if allowed_hosts is None else options.texts("allowed_hosts", allowed_hosts)
        )
        self._ancestors = options.texts("frame_ancestors", frame_ancestors)
        self._watches = Watches(options.clock(clock))
        holders = options.texts("long_holders", long_holders)
        self._backends = (
            None
            if backends is None
            else Backends(backends, show_queries=options.flag("show_queries", show_queries))
        )
        self._reader = Reader(
            self.title, self._watches, leak_after, BUDGET, holders, self._backends
        )
        self._site: Site | None = None
        #: Those of servers too, as long as they serve.
        self._sites: weakref.WeakSet[Site] = weakref.WeakSet()
        if auth is not None or token is not None or self._ancestors or self._hosts:
            self._site = self._new_site(served_on=None)  # Wrong options are told at once.

    def watch(self, pool: object, name: str | None = None) -> Watch:
        """Watch a pool from here on, also one whose connections are out.

        `pool`: a SQLAlchemy Engine, AsyncEngine or Pool, an asyncpg Pool, an aiohttp ClientSession
        or connector. `name` defaults to the redacted host and database. A pool that is watched
        already keeps its watch. DashboardError for anything else.
        """
        return self._watches.add(pool, name)

    def watch_all(self) -> WatchAll:
        """Watch every pool of a supported library that this process creates from now on.

        Pools that libraries make are included, whatever the import order. It wraps the
        libraries' constructors; stopping puts the identical functions back. With
        POOL_DASHBOARD_DISABLED=1 it does nothing.
        """
        return watch_all(self._watches)

    def stop(self) -> None:
        """End every watch and every stream; the pools are as they were."""
        stop_all(self._watches)
        self._watches.stop()
        for site in list(self._sites):
            site.close()
        if self._backends is not None:
            self._backends.stop()

    def snapshot(self) -> Snapshot:
        """The state of every pool at this instant."""
        return self._reader.snapshot()

    def suspects(self) -> list[Suspect]:
        """Checkouts that may be leaks, the most certain first."""
        return self._reader.suspects()

    def advice(self) -> list[Advice]:
        """What to change, the most severe first; each names its evidence."""
        return self._reader.advice()

    def incidents(self) -> list[Incident]:
        """Moments when a pool ran out, frozen as they were; the latest first."""
        return self._reader.incidents()

    def whatif(
        self,
        pool: str,
        sizes: Sequence[int] | None = None,
        timeout: float | None = None,
        hold: float = 1.0,
        *,
        limit_per_host: int | None = None,
        question: str | None = None,
        site: str = "",
        workers: int = 1,
    ) -> tuple[Row, ...]:
        """What other sizes of a pool would have answered to its recorded requests.

        `timeout` in seconds, `hold` a factor on every hold. Each row has p50, p95, p99 in
        seconds, `.range` (low and high of p95), timeouts and a grade; None is what the trace
        cannot tell, and there is no row before a minute and 1,000 checkouts. Exact FIFO replay;
        takes up to half a second of the caller's thread. `limit_per_host` is aiohttp's, 0 for none.

        `question` asks for something else than the size, at these sizes: `leak` (the leaks fixed),
        `release` (`site`, such as `shop/chat.py:88`, or the line that holds most without using it,
        releases earlier), `ping` (pre-ping off), `workers` (two more beside `workers`). No row
        where it would change nothing. DashboardError for an unknown pool or question.
        """
        if question is None:
            prediction = self._reader.whatif(pool, sizes, timeout, hold, limit_per_host)
        else:
            word = options.question(question, timeout, hold, limit_per_host)
            prediction = self._what_else(pool, word, sizes, site, workers)
        if prediction is None:
            known = ", ".join(sorted(self.snapshot().pools)) or "none yet"
            raise DashboardError(f"no pool is called {pool!r}; watched: {known}")
        return prediction.rows

    def _what_else(
        self, pool: str, question: str, sizes: Sequence[int] | None, site: str, workers: int
    ) -> Prediction | None:
        try:
            limit = ServerLimit(workers=workers)
            return self._reader.what_else(pool, question, sizes, site, limit)
        except ValueError as error:
            raise DashboardError(f"{error}") from error

    def serve(self, port: int = 8765, host: str = "127.0.0.1") -> "Server":
        """Serve in a thread and event loop of its own: it answers while the host's loop is blocked.

        A context manager; `close()` ends it. On loopback it is open to this machine; any other
        host needs a token. DashboardError when the port is in use.
        """
        from .serving import Server

        listener = _listen(host, port)
        try:
            is_local = host in {"127.0.0.1", "localhost", "::1"}
            site = self._new_site(served_on=host, auth=None if is_local else self._auth)
        except BaseException:
            listener.close()
            raise
        return Server(site, listener)

    def _new_site(self, *, served_on: str | None, auth: Any = ...) -> "Site":
        # Only now: sse-starlette touches uvicorn when it is imported.
        from .web.access import Access
        from .web.site import build

        access = Access(
            auth=self._auth if auth is ... else auth,
            token=self._token,
            allow_unauthenticated=self._is_open and served_on is None,
            allowed_hosts=self._hosts,
            served_on=served_on,
        )
        site = build(self._reader, access, frame_ancestors=self._ancestors)
        self._sites.add(site)
        return site

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answer a request of the application that mounts the dashboard."""
        if self._site is None:
            self._site = self._new_site(served_on=None)
        await self._site(scope, receive, send)

    def beside(self, app: Any) -> Any:
        """`app` for those only who may see the dashboard; for pages that stand beside it."""

        async def closed(scope: Any, receive: Any, send: Any) -> None:
            if self._site is None:
                self._site = self._new_site(served_on=None)
            if scope["type"] == "http":
                answer = await self._site.refuse(scope)
                if answer is not None:
                    await answer(scope, receive, send)
                    return
            await app(scope, receive, send)

        return closed

    def __repr__(self) -> str:
        """`<Dashboard Orders: 3 pools>`."""
        return f"<Dashboard {self.title}: {len(self._watches.records())} pools>"


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in str(host) else socket.AF_INET
    # The protocol is spelled out: asyncio sets TCP_NODELAY only then (40 ms for each answer).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, OverflowError, TypeError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise DashboardError(
            f"cannot serve on {host}:{port}: {reason}; choose another port="
        ) from error
    return listener
