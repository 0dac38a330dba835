"""Advice and a prediction, as plain data."""

from dashboard.model.findings import Advice
from dashboard.model.whatif import Prediction, Row, Thumb


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
