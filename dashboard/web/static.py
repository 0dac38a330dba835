"""Static files from a dictionary that is filled once: no URL ever becomes a path."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from rjsmin import jsmin
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .compress import accepts_gzip, pack
from .places import STATIC

#: Files of other kinds are not served.
TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
_COMPRESSED: Final = frozenset({".png", ".ico", ".woff2"})
_REVALIDATE: Final = "private, no-cache"
_FOREVER: Final = "private, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent; `packed` is None where gzip gains nothing."""

    content: bytes
    packed: bytes | None
    media_type: str
    tag: str


@cache
def load(folder: Path) -> Mapping[str, StaticFile]:
    """Every servable file below `folder`, by its address; read once for the process."""
    return {
        path.relative_to(folder).as_posix(): _read(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES and path.is_file() and not path.is_symlink()
    }


def routes(folder: Path = STATIC) -> list[Route]:
    """`/static/...`, relative to the mount; with `?v=` and the tag it may be kept forever."""
    files = load(folder)

    async def serve(request: Request) -> Response:
        file = files.get(request.path_params["path"])
        if file is None:
            raise HTTPException(404, "There is no such static file.")
        return _answer(request, file)

    return [Route("/static/{path:path}", serve, name="static")]


def _answer(request: Request, file: StaticFile) -> Response:
    is_versioned = request.query_params.get("v") == file.tag
    headers = {
        "cache-control": _FOREVER if is_versioned else _REVALIDATE,
        "etag": f'W/"{file.tag}"',
        "vary": "Accept-Encoding",
    }
    if _is_known(request.headers.get("if-none-match", ""), file.tag):
        return Response(status_code=304, headers=headers)
    content = file.content
    if file.packed is not None and accepts_gzip(request.headers):
        content = file.packed
        headers["content-encoding"] = "gzip"
    return Response(content, headers={**headers, "content-type": file.media_type})


def _is_known(if_none_match: str, tag: str) -> bool:
    tags = {given.strip().removeprefix("W/") for given in if_none_match[:1000].split(",")}
    return f'"{tag}"' in tags or "*" in tags


def _read(path: Path) -> StaticFile:
    content = path.read_bytes()
    if path.suffix == ".js" and path.parent.name == "js":  # Ours: vendored ones keep their hash.
        content = jsmin(content.decode()).encode()
    packed = None if path.suffix in _COMPRESSED else pack(content, 9)
    if packed is not None and len(packed) >= len(content):
        packed = None
    return StaticFile(content, packed, TYPES[path.suffix], sha256(content).hexdigest()[:16])
