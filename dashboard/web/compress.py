"""gzip for what is worth it and may be shared: static files and metrics, never the stream."""

import gzip

from starlette.datastructures import Headers


def accepts_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, and not with a weight of 0."""
    for choice in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = choice.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            return weight.replace(" ", "").removeprefix("q=").strip("0.") != "" or not weight
    return False


def pack(content: bytes, level: int) -> bytes:
    """The same bytes for the same content: no time, no name."""
    return gzip.compress(content, level, mtime=0)
