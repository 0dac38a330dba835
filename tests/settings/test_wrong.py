"""What is refused: the file, the line, the name, and the nearest right one."""

import os
from pathlib import Path

import pytest

from dashboard import DashboardError
from dashboard.settings import read

from .conftest import Refused

_POOL = '[pools.a]\nurl = "postgresql+asyncpg://app:${PW}@db/x"\n'
_ASYNCPG = '[pools.a]\nlibrary = "asyncpg"\nurl = "postgresql://app:${PW}@db/x"\n'
_HTTP = '[pools.a]\nurl = "https://bank.example/"\n'
_KIND = "pools.toml line 3: "


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            _POOL + "\n\n# a comment\n\npool_sizes = 5",
            (
                "pools.toml line 7: pool_sizes is no option of sqlalchemy pools; "
                "did you mean pool_size?"
            ),
        ),
        (_POOL + "recycle = 5", _KIND + "recycle is no option of sqlalchemy pools; did you mean"),
        (_POOL + "max_size = 5", _KIND + "max_size is no option of sqlalchemy pools; did you mean"),
        (
            _ASYNCPG + "max_sice = 5",
            "pools.toml line 4: max_sice is no option of asyncpg pools; did you mean max_size?",
        ),
        (
            _HTTP + "limit_per_hosts = 5",
            _KIND + "limit_per_hosts is no option of aiohttp pools; did you mean limit_per_host?",
        ),
        (_HTTP + "xyzzy = 5", _KIND + "xyzzy is no option of aiohttp pools; there is ceil_thre"),
        (
            '[dashboard]\ntitel = "x"',
            "pools.toml line 2: titel is no option of the dashboard; did you mean title?",
        ),
        ("[pool.a]\nx = 1", "pools.toml line 1: there is no table pool; did you mean pools?"),
        (
            '\n[orders]\nurl = "x"',
            "pools.toml line 2: there is no table orders; a pool is written [pools.orders]",
        ),
        (
            '[pools.a]\nulr = "x"',
            "pools.toml line 1: [pools.a] takes import or url and has neither; did you mean url?",
        ),
        (
            '[pools.a]\nurl = "x"\nimport = "y"',
            "pools.toml line 1: [pools.a] takes import or url and has both; leave one out",
        ),
        (
            '[pools.a]\nimport = "y:z"\npool_size = 5',
            _KIND + "pool_size has no place beside import: an imported pool has its own settings",
        ),
        (
            '[pools.a]\nimport = "y:z"\nlibrary = "asyncpg"',
            _KIND + "library has no place beside import",
        ),
    ],
)
def test_wrong_name(refused: Refused, text: str, words: str) -> None:
    assert refused(text, PW="hunter22").startswith(words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_POOL + 'pool_size = "5"', "pool_size takes a whole number, not '5'"),
        (_POOL + "pool_size = 5.0", "pool_size takes a whole number, not 5.0"),
        (_POOL + "pool_size = true", "pool_size takes a whole number, not true"),
        (_POOL + 'pool_pre_ping = "yes"', "pool_pre_ping takes true or false, not 'yes'"),
        (_POOL + "pool_pre_ping = 1", "pool_pre_ping takes true or false, not 1"),
        (
            _POOL + 'pool_recycle = "1 hour"',
            (
                'pool_recycle takes seconds, as a number or as a text such as "10s" or "5m", '
                "not '1 hour'"
            ),
        ),
        (_POOL + "connect_args = 5", "connect_args takes a table such as { name = 1 }, not 5"),
        (_POOL + "poolclass = 5", "poolclass takes a name, or an object of Python as"),
        (_POOL + 'creator = "connect"', "creator takes an object of Python, named as"),
        (_POOL + "isolation_level = 1", "isolation_level takes a text, not 1"),
        (_POOL + "pool_size = 2026-01-01", "pool_size takes a whole number, not a date or time"),
        (_POOL + "pool_size = [5]", "pool_size takes a whole number, not a list"),
        (_HTTP + 'limit = "many"', "limit takes a whole number, not 'many'"),
        (_HTTP + "ssl = 1", "ssl takes true, false, or an object of Python as"),
        (_HTTP + "total = false", "total takes seconds, as a number or as a text"),
        (_POOL + "probe = 0.5", "probe takes 1 s or more, not 0.5"),
        (_POOL + "probe = -1", "probe takes a time above 0, not -1"),
        (_POOL + "probe = true", "probe takes seconds, as a number or as a text"),
        ('[pools.a]\n\nurl = ""', "url is no address: it has no ://"),
        ("[pools.a]\n\nurl = 5", "url takes a text, not 5"),
        ("[pools.a]\n\nimport = 5", "import takes a text, not 5"),
        ('[dashboard]\n\nlisten = "8765"', "listen takes HOST:PORT, not '8765'; try 127.0.0.1"),
        ('[dashboard]\n\nlisten = "h:70000"', "listen takes HOST:PORT, not 'h:70000'"),
        ("[dashboard]\n\nlisten = 8765", "listen takes a text, not 8765"),
        ("[dashboard]\n\nleak_after = 0", "leak_after takes a time above 0, not 0"),
        ('[dashboard]\n\ntitle = " "', "title is empty"),
        ('[dashboard]\n\nallowed_hosts = "x"', "allowed_hosts takes a list such as"),
        ("[dashboard]\n\nallowed_hosts = [5]", "allowed_hosts takes a text, not 5"),
        (
            '[dashboard]\n\ntoken = "abcdefgh12345678"',
            'token stands in the file for everybody to read; write "${POOL_DASHBOARD_TOKEN}"',
        ),
    ],
)
def test_wrong_value(refused: Refused, text: str, words: str) -> None:
    assert refused(text, PW="hunter22").startswith(_KIND + words)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("${NO_PW}", "url wants the environment variable NO_PW, which is not set"),
        ("postgresql://a:${PW", "url has ${ without a variable's name and }"),
        (
            "postgresql+asyncpg://app:hunter22@db:port/x",
            "url is no address of SQLAlchemy: dialect+driver://user@host/database",
        ),
        (
            "postgresql+asyncpg://app:hunter22@here@db/x",
            "url has an @ too many: in a user or a password it is written %40",
        ),
        ("oracel://app:hunter22@db/x", "url names oracel, which SQLAlchemy has no dialect for"),
        (
            "postgres://app:hunter22@db/x",
            (
                "url names postgres, which SQLAlchemy has no dialect for; "
                "write postgresql+psycopg://, or set library"
            ),
        ),
        ("https://:80/x", "url is no address that aiohttp takes: https://host/path"),
    ],
)
def test_wrong_address(refused: Refused, url: str, words: str) -> None:
    said = refused(f'[pools.a]\nurl = "{url}"', PW="hunter22")
    assert said.startswith(f"pools.toml line 2: {words}")
    assert "hunter22" not in said


@pytest.mark.parametrize(
    ("library", "url", "words"),
    [
        (
            "asyncgp",
            "postgresql://db/x",
            "pools.toml line 2: library takes aiohttp, asyncpg, sqlalchemy, not 'asyncgp'",
        ),
        (
            "asyncpg",
            "postgresql+asyncpg://db/x",
            (
                "pools.toml line 3: url does not begin with postgresql://, as asyncpg wants it, "
                "without a +driver"
            ),
        ),
        (
            "asyncpg",
            "postgresql://app:hunter22@here@db/x",
            "pools.toml line 3: url has an @ too many",
        ),
        (
            "aiohttp",
            "postgresql://db/x",
            "pools.toml line 3: url is no address that aiohttp takes: https://host/path",
        ),
        (
            "sqlalchemy",
            "https://db/x",
            "pools.toml line 3: url names https, which SQLAlchemy has no dialect for",
        ),
    ],
)
def test_wrong_library(refused: Refused, library: str, url: str, words: str) -> None:
    said = refused(f'[pools.a]\nlibrary = "{library}"\nurl = "{url}"')
    assert said.startswith(words)
    assert "hunter22" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "pools.toml names no pool; begin with [pools.orders] and url or import"),
        ("# nothing", "pools.toml names no pool; begin with [pools.orders] and url or import"),
        ("[pools]", "pools.toml names no pool; begin with [pools.orders] and url or import"),
        ("\npools = 5", "pools.toml line 2: pools are tables: [pools.orders]"),
        ("[pools]\na = 5", "pools.toml line 1: pools are tables: [pools.orders]"),
        ("\ndashboard = 5", "pools.toml line 2: dashboard is a table: [dashboard]"),
        ("[pools.a]\nurl = x", "pools.toml line 2: not TOML: Invalid value at column 7"),
        ("[pools.a", "pools.toml: not TOML: Expected ']' at the end of a table declaration"),
        ('[pools.""]\nurl = "x"', "pools.toml line 1: a pool cannot be named ''"),
        ("[pools.'..']\nurl = 'x'", "pools.toml line 1: a pool cannot be named '..'"),
        (
            '[pools.a]\nurl = "sqlite://"\n[pools.b]\nurl = "sqlite://"',
            "pools.toml line 4: [pools.b] is the same as [pools.a]",
        ),
        (
            '[pools.a]\nimport = "x:y"\n[pools.b]\n\nimport = "x:y"\nprobe = 5',
            "pools.toml line 5: [pools.b] is the same as [pools.a]",
        ),
    ],
)
def test_wrong_file(refused: Refused, text: str, words: str) -> None:
    assert refused(text).startswith(words)


def test_variable_in_a_table_has_its_line(refused: Refused) -> None:
    said = refused(_POOL + "[pools.a.connect_args]\n\npassword = '${NOBODY}'", PW="x")
    assert said == (
        "pools.toml line 5: password wants the environment variable NOBODY, which is not set"
    )


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(DashboardError) as caught:
            read(path)
        assert str(caught.value).startswith(f"'{path}' cannot be read: {reason}")


def test_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "pools.toml"
    path.write_bytes(b"[pools.a]\nurl = '\xff'")
    with pytest.raises(DashboardError, match=r"pools\.toml line 2: not UTF-8, so not TOML"):
        read(path)


def test_endless_file_is_refused() -> None:
    with pytest.raises(DashboardError, match="has over a million bytes"):
        read(os.fspath(Path("/dev/zero")))
