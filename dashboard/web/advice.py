"""The Advice page: what to change, the budget of the servers, what-if, before and after a mark."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..analysis import budget
from ..analysis.what_else import QUESTIONS
from ..analysis.words import line
from ..model.errors import DashboardError
from ..model.findings import Advice
from ..model.limits import ServerLimit
from ..model.ports import Reading
from ..model.snapshot import Snapshot
from . import format as fmt
from .aside import aside
from .comparing import Compared, compared, objects
from .entered import FIELDS, Field, limit_of, query_of
from .frame import Frame, element_id, frame_for
from .rendering import error_page, render
from .shapes import budget as as_json
from .shapes import json_response, plain
from .wanted import Wanted, outlook_of
from .whatif import Outlook

_PARTS: Final = {"": "advice.html", "list": "advice/list.html"}
_LINES: Final = 30
_LEVELS: Final = {"critical": "bad", "warning": "wait", "info": "mute"}


@dataclass(frozen=True, slots=True)
class Item:
    """One advice; `key` stays the same over swaps."""

    advice: Advice
    level: str
    key: str


class View:
    """Computed when a template asks for it, so that a fragment pays only for itself."""

    def __init__(
        self,
        reading: Reading,
        frame: Frame,
        chosen: str,
        wanted: Wanted,
        question: str,
        server: ServerLimit,
        about: str = "",
        site: str = "",
    ) -> None:
        """`chosen` is the pool whose sizes are predicted, as `wanted`.

        `question` is one of `QUESTIONS`, empty for nothing but the size; `about` the one pool
        that advice is wanted of, empty for all; `site` the line that a question is about.
        """
        self.site = site
        self.server, self.question = server, question
        self.about = about
        self.questions = QUESTIONS
        self.chosen = chosen
        self._reading = reading
        self._frame = frame
        self.wanted = wanted
        self._snapshot = reading.snapshot()
        self._pools = self._snapshot.pools

    @property
    def names(self) -> Sequence[str]:
        """Every pool."""
        return sorted(self._pools)

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """The most severe first."""
        return tuple(
            Item(each, _LEVELS[each.severity], element_id(f"{each.rule} {each.pool} {each.title}"))
            for each in self._reading.advice(self.server)
            if self.about in {"", each.pool}
        )

    @property
    def groups(self) -> tuple[tuple[str, str, str, tuple[Item, ...]], ...]:
        """Key, heading, remark and items: what is worth a change apart from mere remarks."""
        urgent = tuple(item for item in self.items if item.advice.severity != "info")
        others = tuple(item for item in self.items if item.advice.severity == "info")
        found = (
            ("urgent", "Worth changing", "the most severe first", urgent),
            ("remarks", "Remarks", "nothing that hurts now, or not enough data yet", others),
        )
        return tuple(group for group in found if group[3])

    @property
    def headline(self) -> str:
        """The sentence at the top."""
        of = f" in {self.about}" if self.about else ""
        urgent = [item for item in self.items if item.advice.severity != "info"]
        if urgent:
            return f"{fmt.plural(len(urgent), 'change')} worth making{of}"
        if self.items:
            return f"Nothing urgent{of}, {fmt.plural(len(self.items), 'remark')}"
        return f"Nothing to change{of}"

    @property
    def budgets(self) -> tuple[budget.Budget, ...]:
        """What all pools to one server may open."""
        return budgets(self._snapshot, self.server)

    @cached_property
    def collecting(self) -> tuple[tuple[str, str], ...]:
        """Pools without enough data for advice about their size, and what there is."""
        return tuple(self._reading.collecting().items())

    @cached_property
    def outlook(self) -> Outlook | None:
        """The prediction for the chosen pool."""
        pool = self._pools.get(self.chosen)
        if pool is None:
            return None
        if not self.question:
            return outlook_of(self._reading, pool, self.wanted)
        prediction = self._reading.what_else(
            self.chosen, self.question, site=self.site, server=self.server
        )
        return None if prediction is None else Outlook(pool, prediction, self.wanted.size)

    @property
    def problem(self) -> str:
        """Why there is no prediction, empty when none was asked for."""
        if not self.chosen or self.chosen in self._pools:
            return ""
        return f"No pool is called {self.chosen}."

    @property
    def action(self) -> str:
        """The address that links of the card lead to."""
        asked = {"question": self.question, "site": self.site} | self.wanted.query
        return self._address(pool=self.chosen, **{k: v for k, v in asked.items() if v})

    @property
    def lines(self) -> Sequence[str]:
        """Lines of the chosen pool that a question may be about, the busiest first."""
        pool = self._pools.get(self.chosen)
        if pool is None or self.question != "release":
            return ()
        return [line(each.call_site) for each in pool.call_sites if each.statements][:_LINES]

    def part(self, name: str) -> str:
        """The address of a fragment, with what was entered."""
        return self._address(part=name)

    def _address(self, **query: str) -> str:
        if self.about:
            query["about"] = self.about
        return "?" + urlencode(query | self.entered, errors="backslashreplace")

    @property
    def without(self) -> str:
        """The address that forgets what was entered."""
        kept = {
            "pool": self.chosen,
            "question": self.question,
            "about": self.about,
            "site": self.site,
            **self.wanted.query,
        }
        return "?" + urlencode({name: value for name, value in kept.items() if value})

    @property
    def fields(self) -> Sequence[Field]:
        """What may be entered of server and callers."""
        return FIELDS

    @cached_property
    def entered(self) -> dict[str, str]:
        """What was."""
        return query_of(self.server)

    @cached_property
    def comparisons(self) -> tuple[Compared, ...]:
        """Each of the last marks and changes, for every pool that did something on both sides."""
        return compared(self._reading.comparisons(), self._frame.now.tzinfo)


def budgets(snapshot: Snapshot, entered: ServerLimit) -> tuple[budget.Budget, ...]:
    """For each server what was entered of it, else what it says of itself."""
    return budget.of(snapshot.pools.values(), entered, snapshot.server)


def routes(reading: Reading) -> list[Route]:
    """Relative to wherever they are mounted."""

    async def endpoint(request: Request) -> Response:
        return await aside(_page, request, reading)

    def answer(find: Callable[[Request], object]) -> Callable[[Request], Awaitable[Response]]:
        async def json(request: Request) -> Response:
            return await aside(lambda request: json_response(plain(find(request))), request)

        return json

    def all_budgets(request: Request) -> object:
        try:
            entered = limit_of(request.query_params)
        except ValueError as error:
            raise HTTPException(400, f"{error}") from error
        return [as_json(each) for each in budgets(reading.snapshot(), entered)]

    def all_comparisons(_: Request) -> object:
        return objects(reading.comparisons())

    def all_collecting(_: Request) -> object:
        return [{"pool": name, "text": text} for name, text in reading.collecting().items()]

    return [
        Route("/advice", endpoint, name="advice"),
        Route("/api/budgets", answer(all_budgets), name="api_budgets"),
        Route("/api/comparisons", answer(all_comparisons), name="api_comparisons"),
        Route("/api/collecting", answer(all_collecting), name="api_collecting"),
    ]


def _page(request: Request, reading: Reading) -> Response:
    part = request.query_params.get("part", "")
    template = _PARTS.get(part)
    if template is None:
        return error_page(request, 404, "No such part", f"This page has no part called {part!r}.")
    frame = frame_for(request, reading, "advice", reading.suspects())
    chosen, question, about, site = (
        request.query_params.get(name, "") for name in ("pool", "question", "about", "site")
    )
    try:
        entered = limit_of(request.query_params)
    except ValueError as error:
        return error_page(request, 400, "That is no limit", f"{error}")
    try:
        wanted = Wanted.read(request.query_params)
        view = View(reading, frame, chosen, wanted, question, entered, about, site)
        return render(template, frame, view=view)
    except (DashboardError, ValueError) as error:
        return error_page(request, 400, "That cannot be predicted", f"{error}")
