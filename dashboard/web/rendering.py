"""Templates to responses: one environment, autoescape on, undefined names are errors."""

from __future__ import annotations

from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from .format import FILTERS
from .frame import Frame, bare_frame, element_id
from .places import TEMPLATES

_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "HX-Request"}


ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(default=True, disabled_extensions=("md",)),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(FILTERS)
ENVIRONMENT.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
ENVIRONMENT.filters["element_id"] = element_id


def mark_code(sentence: str, code: str) -> Markup:
    """The sentence with its call site set as code."""
    before, found, after = sentence.partition(code) if code else (sentence, "", "")
    if not found:
        return escape(sentence)
    return Markup("{}<code>{}</code>{}").format(before, found, after)


ENVIRONMENT.filters["mark_code"] = mark_code


def render(template: str, frame: Frame, status_code: int = 200, **context: object) -> HTMLResponse:
    """A page or a fragment; never cached, because the next second it says something else."""
    text = ENVIRONMENT.get_template(template).render(frame=frame, **context)
    return HTMLResponse(_bytes(text), status_code, headers=_HEADERS)


def render_text(template: str, frame: Frame, **context: object) -> PlainTextResponse:
    """Markdown to copy."""
    text = ENVIRONMENT.get_template(template).render(frame=frame, **context)
    return PlainTextResponse(_bytes(text), headers=_HEADERS)


def _bytes(text: str) -> bytes:
    """A pool's name may hold what UTF-8 cannot carry; it is spelled out."""
    return text.encode("utf-8", "backslashreplace")


def is_fragment(request: Request) -> bool:
    """Whether a part of a page was asked for, by the script."""
    return request.headers.get("hx-request") == "true" and "part" in request.query_params


def error_page(request: Request, status: int, title: str, detail: str) -> Response:
    """A whole sentence with the right status; inside a page only the card that failed."""
    template = "partials/failed.html" if is_fragment(request) else "error.html"
    return render(
        template, bare_frame(request), status, status=status, heading=title, detail=detail
    )
