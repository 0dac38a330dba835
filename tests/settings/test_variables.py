"""`${NAME}` in texts, and what of it may be shown."""

import pytest

from dashboard.settings import redacted, said
from dashboard.settings.durations import seconds
from dashboard.settings.variables import Variables, is_secret, is_variable


def variables() -> Variables:
    return Variables({"WHO": "app", "PASSWORD": "p@s/s w", "EMPTY": ""})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${WHO}", "app"),
        ("a ${WHO} and ${WHO}", "a app and app"),
        ("$$", "$"),
        ("$${WHO}", "${WHO}"),
        ("$$$${WHO}$", "$${WHO}$"),
        ("$WHO", "$WHO"),
        ("5 $", "5 $"),
        ("<${EMPTY}>", "<>"),
        ("${PASSWORD}", "p@s/s w"),
    ],
)
def test_text_is_filled_in(text: str, filled: str) -> None:
    assert variables().fill(text) == filled


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("${NOBODY}", "wants the environment variable NOBODY, which is not set"),
        ("${WHO", "has ${ without a variable's name and }; a dollar sign is written $$"),
        ("${}", "has ${ without a variable's name and }; a dollar sign is written $$"),
        ("${A B}", "has ${ without a variable's name and }; a dollar sign is written $$"),
    ],
)
def test_wrong_variable_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="variable") as caught:
        variables().fill(text)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("url", "filled"),
    [
        ("x://${WHO}:${PASSWORD}@host/db", "x://app:p%40s%2Fs%20w@host/db"),
        ("x://app@host/${WHO}", "x://app@host/app"),
        ("x://host/${PASSWORD}", "x://host/p@s/s w"),
        ("${PASSWORD}", "p@s/s w"),
    ],
)
def test_only_users_are_quoted(url: str, filled: str) -> None:
    assert variables().fill_url(url) == filled


def test_values_of_secret_names_are_remembered() -> None:
    known = variables()
    known.fill_url("x://${WHO}:${PASSWORD}@host")
    assert known.secrets == {"p@s/s w", "p%40s%2Fs%20w"}


def test_secret_names() -> None:
    names = ("DB_PASSWORD", "DATABASE_URL", "api_key", "PGPASS", "pwd", "token", "DSN")
    assert [name for name in names if not is_secret(name)] == []
    assert [name for name in ("HOST", "PORT", "pool_size", "user") if is_secret(name)] == []


def test_one_variable_and_nothing_else() -> None:
    assert is_variable(" ${TOKEN} ")
    assert not is_variable("x${TOKEN}")
    assert not is_variable("${TOKEN}${TOKEN}")
    assert not is_variable("$${TOKEN}")


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("250ms", 0.25),
        ("10s", 10),
        ("1.5s", 1.5),
        ("5m", 300),
        ("5 min", 300),
        ("1h", 3600),
        ("2d", 172800),
        ("-1s", -1),
        (30, 30),
        (0.5, 0.5),
        ("10", None),
        ("soon", None),
        ("1h30m", None),
        ("10 S", None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        ([], None),
    ],
)
def test_durations(given: object, found: float | None) -> None:
    assert seconds(given) == found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fine", "fine"),
        ("no hunter22 here", "no *** here"),
        ("postgresql://app:p@ss@host/db is wrong", "postgresql://***@host/db is wrong"),
        ("connect password=x1 host=y", "connect password=*** host=y"),
        ("first\nsecond", "first"),
        ("", ""),
    ],
)
def test_secrets_are_taken_out(text: str, shown: str) -> None:
    assert redacted(text, {"hunter22", ""}) == shown


def test_error_is_told_by_its_cause() -> None:
    error = RuntimeError("around")
    error.orig = ConnectionRefusedError("no hunter22")  # type: ignore[attr-defined]
    assert said(error, {"hunter22"}) == "ConnectionRefusedError: no ***"
    assert said(TimeoutError()) == "TimeoutError"
