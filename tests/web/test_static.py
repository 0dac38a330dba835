"""Static files."""

import re
import time
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.types import ASGIApp

from dashboard.web import static
from dashboard.web.compress import accepts_gzip
from dashboard.web.places import STATIC

from .asking import ask

CSS = "body { margin: 0 }\n" * 100


@pytest.fixture
def app(tmp_path: Path) -> ASGIApp:
    """Serves a few files, beside a secret one."""
    folder = tmp_path / "static"
    (folder / "css").mkdir(parents=True)
    (folder / "css" / "app.css").write_text(CSS)
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "app.js").write_text("export const a = 1;\n")
    (folder / "notes.md").write_text("not for the world")
    (folder / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("hunter2")
    return Starlette(routes=static.routes(folder))


def test_file_has_its_type_and_may_be_revalidated(app: ASGIApp) -> None:
    answer = ask(app, "/static/css/app.css")
    assert answer.text == CSS
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Accept-Encoding"
    script = ask(app, "/static/app.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert ask(app, "/static/icon.svg").headers["content-type"] == "image/svg+xml"


def test_known_file_is_not_sent_again(app: ASGIApp) -> None:
    tag = ask(app, "/static/css/app.css").headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"a", {tag}', "*"):
        answer = ask(app, "/static/css/app.css", if_none_match=known)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    other = ask(app, "/static/css/app.css", if_none_match='"other"')
    assert other.status_code == 200


def test_versioned_address_is_kept_forever(app: ASGIApp) -> None:
    tag = ask(app, "/static/css/app.css").headers["etag"].split('"')[1]
    answer = ask(app, f"/static/css/app.css?v={tag}")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    wrong = ask(app, "/static/css/app.css?v=0")
    assert wrong.headers["cache-control"] == "private, no-cache"


def test_is_packed_when_accepted(app: ASGIApp) -> None:
    answer = ask(app, "/static/css/app.css", accept_encoding="gzip")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < 100
    assert answer.text == CSS
    small = ask(app, "/static/app.js", accept_encoding="gzip")
    assert "content-encoding" not in small.headers


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("gzip", True),
        ("GZIP, br", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("br", False),
        ("", False),
        ("notgzip", False),
    ],
)
def test_weight_of_zero_is_a_no(accepted: str, expected: bool) -> None:  # noqa: FBT001
    assert accepts_gzip(Headers({"accept-encoding": accepted})) is expected


@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/..%2fsecret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/....//secret.txt",
        "/static//etc/passwd",
        "/static/css/app.css%00.js",
        "/static/css%5capp.css",
        "/static/secret.txt",
        "/static/notes.md",
        "/static/css",
        "/static/",
        "/static/CSS/app.css",
    ],
)
def test_nothing_else_is_served(app: ASGIApp, path: str) -> None:
    answer = ask(app, path)
    assert answer.status_code == 404
    assert "hunter2" not in answer.text


def test_range_is_ignored_and_costs_nothing(app: ASGIApp) -> None:
    many = "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(5000))
    start = time.process_time()
    answer = ask(app, "/static/css/app.css", range=many)
    assert (answer.status_code, answer.text) == (200, CSS)
    assert "content-range" not in answer.headers
    assert time.process_time() - start < 1


def test_head_says_how_long(app: ASGIApp) -> None:
    answer = ask(app, "/static/css/app.css", "HEAD")
    assert answer.headers["content-length"] == str(len(CSS))


def test_our_own_files_are_there() -> None:
    assert all(file.content for file in static.load(STATIC).values())
    assert "icon.svg" in static.load(STATIC)


def test_own_scripts_are_sent_without_comments() -> None:
    sent = static.load(STATIC)
    for path in (STATIC / "js").glob("*.js"):
        source, text = path.read_text(), sent[f"js/{path.name}"].content.decode()
        assert (path.name, re.findall(r"^\s*(?://|/\*)", text, re.MULTILINE)) == (path.name, [])
        code = re.sub(r"//[^\n]*|/\*\*(?s:.*?)\*/", "", source)
        assert re.findall(r"`[^`]*`", text) == re.findall(r"`[^`]*`", code)


def test_vendored_scripts_are_sent_as_they_are() -> None:
    sent = static.load(STATIC)["vendor/uPlot.iife.min.js"].content
    assert sent == (STATIC / "vendor" / "uPlot.iife.min.js").read_bytes()
