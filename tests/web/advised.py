"""Advice and predictions, as plain data."""

from collections.abc import Sequence
from dataclasses import replace

from dashboard.model.findings import Advice
from dashboard.model.whatif import Prediction, Row, Thumb

from .reading import PlainReading
from .readings import pool


def prediction() -> Prediction:
    """Three sizes of a pool of 20."""
    rows = [
        Row(
            size=size,
            overflow=10,
            p50=0.4 / size,
            p95=4.0 / size,
            p99=9.0 / size,
            range=(3.0 / size, 5.0 / size),
            timeouts=40.0 - size,
            idle_share=size / 50,
            grade="A",
        )
        for size in (15, 20, 30)
    ]
    thumb = Thumb(name="Little's law", value=2.0, text="rate times hold", why="It is a mean.")
    return Prediction(rows=tuple(rows), grade="A", collected=2000, thumbs=(thumb,))


def advice(**changed: object) -> Advice:
    """One that says everything."""
    facts: dict[str, object] = {
        "rule": "R01",
        "pool": "orders",
        "severity": "warning",
        "title": "orders is too small",
        "evidence": ("95 of 100 callers wait up to 48 ms",),
        "change": "-    pool_size=20,\n+    pool_size=30,",
        "effect": "p95 48 ms to 3 ms",
        "confidence": "medium",
        "why": "Callers queue although the server has room.",
    }
    return Advice(**facts | changed)  # type: ignore[arg-type]


class Banking(PlainReading):
    """One aiohttp pool, `bank`, of 20 connections and at most 4 to each host."""

    def __init__(self, *, tells_hosts: bool = True, own: int = 4) -> None:
        """`tells_hosts`: whether requests of several hosts are told apart."""
        config = {"limit": 20, "limit_per_host": own}
        self.own, self._tells_hosts = own, tells_hosts
        super().__init__(replace(pool("bank", 2, 1, maximum=20, config=config), library="aiohttp"))

    def whatif(  # type: ignore[override]
        self,
        name: str,
        sizes: Sequence[int] | None = None,
        *_: object,
        limit_per_host: int | None = None,
    ) -> Prediction | None:
        """The wait at 20 is half a second over the limit to each host, 2 ms without one."""
        del name
        limit = self.own if limit_per_host is None else limit_per_host
        p95 = 0.5 / limit if limit else 0.002
        told = limit if self._tells_hosts else None
        rows = tuple(
            replace(row, size=size, overflow=0, p95=p95 * 20 / size, range=None, note="")
            for row, size in zip(prediction().rows, sizes or (15, 20, 30), strict=False)
        )
        rows = tuple(replace(row, limit_per_host=told) for row in rows)
        return Prediction(rows=rows, grade="A", collected=2000)

    def what_else(self, name: str, *_: object, **__: object) -> Prediction | None:
        """The same, with an answer."""
        found = self.whatif(name)
        return found and replace(found, answer=("No leak holds a slot.",))
