"""The what-if of an aiohttp pool: another limit to each host, in the address."""

import re
from html import unescape

import httpx
import pytest

from dashboard.web.access import Access
from dashboard.web.site import build

from . import asking
from .advised import Banking

ADVICE, POOL = "/advice?pool=bank", "/pools/bank?predict=1"
FORM = re.compile(r'<form class="filter inside".*?</form>', re.DOTALL)
INPUT = re.compile(r'name="(\w+)"[^>]* value="([^"]*)"')


def ask(path: str, given: Banking | None = None) -> httpx.Response:
    site = build(given or Banking(), Access(allow_unauthenticated=True))
    return asking.ask(site, path)


def form(text: str) -> dict[str, str]:
    """What the form about the limit would send."""
    (found,) = FORM.findall(text)
    return dict(INPUT.findall(unescape(found)))


@pytest.mark.parametrize("page", [ADVICE, POOL])
def test_form_starts_with_the_pools_own_limit(page: str) -> None:
    text = ask(page).text
    assert form(text)["limit_per_host"] == "4"
    assert "<code data-setting>limit=20, limit_per_host=4</code>" in text
    assert "20 connections, at most 4 to each host: 95 of 100 callers wait up to 125 ms" in text
    assert "As it is:" not in text
    assert text.count("</a> now") == 1


@pytest.mark.parametrize("page", [ADVICE, POOL])
def test_other_limit_is_predicted_beside_the_present(page: str) -> None:
    text = ask(f"{page}&limit_per_host=10&size=30").text
    assert form(text)["limit_per_host"] == "10"
    assert "<code data-setting>limit=30, limit_per_host=10</code>" in text
    assert "30 connections, at most 10 to each host: 95 of 100 callers wait up to 33 ms" in text
    assert "As it is: 20 connections, at most 4 to each host: 95 of 100 callers wait" in text
    assert "</a> now" not in text
    assert text.count("limit_per_host=10&amp;size=15") == 1  # In the table.


@pytest.mark.parametrize("page", [ADVICE, POOL])
def test_no_limit_to_a_host_may_be_asked_for(page: str) -> None:
    text = ask(f"{page}&limit_per_host=0").text
    assert "20 connections, no limit to each host: 95 of 100 callers wait up to 2.0 ms" in text
    assert "<code data-setting>limit=20, limit_per_host=0</code>" in text
    free = ask(page, Banking(own=0)).text
    assert "<code data-setting>limit=20</code>" in free
    assert "The pool has none." in free


def test_form_carries_the_rest_of_the_address() -> None:
    pool = form(ask(f"{POOL}&range=1h&size=30").text)
    assert pool == {"range": "1h", "predict": "1", "size": "30", "limit_per_host": "4"}
    advice = form(ask(f"{ADVICE}&about=bank&workers=4&limit_per_host=7").text)
    assert advice == {
        "pool": "bank",
        "about": "bank",
        "workers": "4",
        "size": "20",
        "limit_per_host": "7",
    }


def test_what_is_known_of_the_server_keeps_the_limit() -> None:
    text = ask(f"{ADVICE}&limit_per_host=7&workers=4").text
    assert text.count('<input type="hidden" name="limit_per_host" value="7">') == 1
    assert 'href="?pool=bank&amp;limit_per_host=7#known">Forget them</a>' in text


def test_limit_is_asked_where_hosts_are_told_apart_alone() -> None:
    untold = ask(ADVICE, Banking(tells_hosts=False)).text
    assert "data-slider" in untold
    assert not FORM.search(untold)
    assert not FORM.search(ask(f"{ADVICE}&question=leak").text)


@pytest.mark.parametrize("page", [ADVICE, POOL])
@pytest.mark.parametrize("given", ["-1", "many", "1e3", "9999999", "²"])
def test_wrong_limit_to_a_host_is_refused(page: str, given: str) -> None:
    answer = ask(f"{page}&limit_per_host={given}")
    assert answer.status_code == 400
    assert "limit_per_host takes a whole number from 0 on" in answer.text


@pytest.mark.parametrize("page", [ADVICE, POOL])
def test_empty_field_leaves_the_limit(page: str) -> None:
    assert form(ask(f"{page}&limit_per_host=").text)["limit_per_host"] == "4"
