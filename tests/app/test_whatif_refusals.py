"""What `whatif()` and its address refuse, and in which words."""

from typing import Any

import pytest
from sqlalchemy import Engine

from dashboard import DashboardError

from .conftest import Dash
from .given import ask


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sizes=abc", "sizes takes whole numbers such as 5,10, not 'abc'"),
        ("sizes=5,,6", "sizes takes whole numbers such as 5,10, not '5,,6'"),
        ("sizes=1000000", "sizes takes whole numbers from 1 to 100,000, not 1000000"),
        ("timeout=abc", "timeout takes a number, not 'abc'"),
        ("timeout=0", "timeout takes seconds above 0, not 0.0"),
        ("hold=nan", "hold takes a factor above 0, such as 1.2, not nan"),
        ("limit_per_host=1.5", "limit_per_host takes a whole number, not '1.5'"),
    ],
)
def test_address_says_which_parameter_is_wrong(
    make_dash: Dash, engine: Engine, query: str, words: str
) -> None:
    dash = make_dash(allow_unauthenticated=True)
    dash.watch(engine, name="orders")
    refused = ask(dash, f"/api/whatif/orders?{query}")
    assert (refused.status_code, refused.json()["detail"]) == (400, words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sizes": 8}, "sizes takes several, such as [5, 10], not 8"),
        ({"sizes": "8"}, "sizes takes whole numbers from 1 to 100,000, not '8'"),
        ({"hold": 0}, "hold takes a factor above 0, such as 1.2, not 0"),
        ({"timeout": -1}, "timeout takes seconds above 0, not -1"),
    ],
)
def test_code_says_which_option_is_wrong(
    make_dash: Dash, engine: Engine, options: dict[str, Any], words: str
) -> None:
    dash = make_dash()
    dash.watch(engine, name="orders")
    with pytest.raises(DashboardError) as refused:
        dash.whatif("orders", **options)
    assert str(refused.value) == words
