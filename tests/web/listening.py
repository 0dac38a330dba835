"""Reads server-sent events as a browser does."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass(frozen=True)
class Message:
    """One event; `data` is its JSON."""

    event: str
    id: str
    data: Any

    @property
    def seq(self) -> int:
        """The number in `epoch-seq`."""
        return int(self.id.partition("-")[2])


@contextmanager
def listening(
    base: str, query: str = "", headers: Mapping[str, str] | None = None
) -> Iterator[Iterator[Message]]:
    """The messages of a stream, until the block ends."""
    url = f"{base}/api/stream{query}"
    with httpx.stream("GET", url, headers=dict(headers or {}), timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        yield messages(answer.iter_bytes())


def first(base: str, count: int, query: str = "", last_id: str = "") -> list[Message]:
    """The first messages of a stream."""
    headers = {"last-event-id": last_id} if last_id else {}
    with listening(base, query, headers) as stream:
        return [message for _, message in zip(range(count), stream, strict=False)]


def messages(chunks: Iterator[bytes]) -> Iterator[Message]:
    """By the rules of the standard: CR, LF and CRLF end a line, an empty line a message."""
    rest = ""
    for chunk in chunks:
        rest = (rest + chunk.decode()).replace("\r\n", "\n").replace("\r", "\n")
        while "\n\n" in rest:
            block, _, rest = rest.partition("\n\n")
            fields: dict[str, str] = {}
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                fields[name] = fields.get(name, "") + value.removeprefix(" ")
            if "data" in fields:
                data = json.loads(fields["data"])
                yield Message(fields.get("event", "message"), fields.get("id", ""), data)


def eventually(condition: Callable[[], object], within: float = 60.0) -> None:
    """Polls until it holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
