"""Options and bad input: told at once, by what, which and what to do."""

from typing import Any

import pytest

from dashboard import Dashboard, DashboardError

from .given import TOKEN

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"title": ""}, "title takes a text to show in the header, not ''"),
    ({"title": "  "}, "title takes a text to show in the header, not '  '"),
    ({"title": 5}, "title takes a text to show in the header, not 5"),
    ({"leak_after": 0}, "leak_after takes seconds above 0, not 0"),
    ({"leak_after": -1.5}, "leak_after takes seconds above 0, not -1.5"),
    ({"leak_after": float("nan")}, "leak_after takes seconds above 0, not nan"),
    ({"leak_after": "60"}, "leak_after takes seconds above 0, not '60'"),
    ({"leak_after": float("inf")}, "leak_after takes seconds above 0, not inf"),
    ({"leak_after": True}, "leak_after takes seconds above 0, not True"),
    ({"clock": 5}, "clock takes a function that answers seconds, not 5"),
    ({"clock": lambda: "now"}, "clock takes a function that answers seconds; it answered 'now'"),
    ({"clock": lambda: None}, "clock takes a function that answers seconds; it answered None"),
    ({"auth": "me"}, "auth takes a function of the request, not 'me'"),
    ({"auth": True}, "auth takes a function of the request, not True"),
    ({"token": 5}, "token takes a text, not int"),
    ({"token": b"secret"}, "token takes a text, not bytes"),
    ({"allow_unauthenticated": "no"}, "allow_unauthenticated takes True or False, not 'no'"),
    ({"allow_unauthenticated": None}, "allow_unauthenticated takes True or False, not None"),
    ({"allowed_hosts": 5}, "allowed_hosts takes a list of texts, not 5"),
    ({"frame_ancestors": 5}, "frame_ancestors takes a list of texts, not 5"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_option_is_told_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DashboardError) as told:
        Dashboard(**options)
    assert str(told.value) == message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"token": ""}, "the token is empty"),
        ({"token": "secret"}, "the token can be guessed"),
        ({"token": "ü" * 40}, "characters that no header can carry"),
        ({"allowed_hosts": "pools.test"}, "allowed_hosts takes a list"),
        ({"allowed_hosts": ["http://pools.test/"]}, "without scheme, port, path"),
        ({"allowed_hosts": [5]}, "allowed_hosts takes a list of texts; 5 is none"),
        ({"frame_ancestors": "https://ops.test"}, "frame_ancestors takes a list"),
        ({"frame_ancestors": ["ops.test"]}, "origins like https://ops.example.com"),
        ({"allow_unauthenticated": True, "token": TOKEN}, "leave one of them out"),
        ({"allow_unauthenticated": True, "auth": bool}, "leave one of them out"),
    ],
)
def test_wrong_access_is_told_at_once(options: dict[str, Any], words: str) -> None:
    with pytest.raises(DashboardError, match=words):
        Dashboard(**options)


def test_weak_token_of_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_TOKEN", "secret")
    with pytest.raises(DashboardError, match="the token can be guessed"):
        Dashboard()


def test_token_is_never_in_messages() -> None:
    with pytest.raises(DashboardError) as told:
        Dashboard(token="hunter2hunter2")
    assert "hunter2" not in str(told.value)


def test_empty_environment_token_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOL_DASHBOARD_TOKEN", "")
    Dashboard(allow_unauthenticated=True)
    Dashboard()


def test_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="leak_afer"):
        Dashboard(leak_afer=5)  # type: ignore[call-arg]


def test_options_are_by_name_only() -> None:
    with pytest.raises(TypeError):
        Dashboard("Orders")  # type: ignore[call-arg]


def test_title_is_stripped() -> None:
    assert Dashboard(title="  Orders ").title == "Orders"


def test_repr_counts_pools() -> None:
    assert repr(Dashboard(title="Orders")) == "<Dashboard Orders: 0 pools>"


def test_dashboard_without_pools_is_empty() -> None:
    dash = Dashboard()
    snapshot = dash.snapshot()
    assert dict(snapshot.pools) == {}
    assert dash.suspects() == []
    assert snapshot.at.tzinfo is not None
