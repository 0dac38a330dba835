"""The tables `[pools.NAME]`: which pool, with which options."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from .. import options as given_options
from ..model.errors import DashboardError
from ..probes._opening import openable, opener
from .dashboards import above_zero
from .document import Document
from .nearest import near
from .shape import PoolSettings
from .values import checked
from .variables import Variables, is_secret

#: Keys that are ours; the others are the library's.
OWN: Final = ("import", "url", "library", "probe")
#: Health queries come no faster, in seconds.
FASTEST: Final = 1.0
_TABLE: Final = "pools"
_BY_SCHEME: Final = {"http": "aiohttp", "https": "aiohttp"}
_OBJECTS: Final = ("object", "named", "flag or object")


def read(document: Document, known: Variables) -> tuple[PoolSettings, ...]:
    """Every pool in the order of the file."""
    tables = document.data.get(_TABLE, {})
    if not isinstance(tables, dict) or not all(isinstance(each, dict) for each in tables.values()):
        raise document.wrong("pools are tables: [pools.orders]", _TABLE)
    if not tables:
        what = f"{document.name} names no pool; begin with [pools.orders] and url or import"
        raise DashboardError(what)
    found: list[PoolSettings] = []
    for name, table in tables.items():
        pool = _Table(document, known, name, table).read()
        twin = next((each for each in found if _is_twin(each, pool)), None)
        if twin is not None:
            what = f"[pools.{name}] is the same as [pools.{twin.name}]"
            raise document.wrong(what, _TABLE, name, "url" if pool.url else "import")
        found.append(pool)
    return tuple(found)


def _is_twin(one: PoolSettings, other: PoolSettings) -> bool:
    """The same pool twice. One database may have two pools, if they differ."""
    if one.target or other.target:
        return one.target == other.target
    return (one.url, one.library, one.options) == (other.url, other.library, other.options)


class _Table:
    def __init__(
        self, document: Document, known: Variables, name: str, table: dict[str, Any]
    ) -> None:
        self._document = document
        self._known = known
        self._name = name
        self._table = table
        self._secrets: set[str] = set()

    def read(self) -> PoolSettings:
        try:
            name = given_options.pool_name(self._name)
        except DashboardError as error:
            raise self._wrong(str(error)) from None
        is_imported, is_opened = "import" in self._table, "url" in self._table
        if is_imported == is_opened:
            has = "both; leave one out" if is_opened else f"neither{near_own(self._table)}"
            raise self._wrong(f"[pools.{self._name}] takes import or url and has {has}")
        probe = self._probe()
        places = {key: self._document.place(_TABLE, self._name, key) for key in self._table}
        place = places["import" if is_imported else "url"]
        given = {"target": self._target()} if is_imported else self._opened()
        secrets = frozenset(self._secrets | self._known.secrets)
        return PoolSettings(
            name=name, place=place, places=places, probe=probe, secrets=secrets, **given
        )

    def _wrong(self, what: str, *path: str) -> DashboardError:
        return self._document.wrong(what, _TABLE, self._name, *path)

    def _text(self, key: str) -> str:
        try:
            text: str = checked("text", self._table[key])
        except ValueError as error:
            raise self._wrong(f"{key} {error}", key) from None
        return text

    def _probe(self) -> float | None:
        if "probe" not in self._table:
            return None
        try:
            seconds = above_zero(checked("seconds", self._table["probe"]))
        except ValueError as error:
            raise self._wrong(f"probe {error}", "probe") from None
        if seconds < FASTEST:
            raise self._wrong(f"probe takes {FASTEST:g} s or more, not {seconds:g}", "probe")
        return seconds

    def _target(self) -> str:
        for key in self._table:
            if key not in OWN:
                what = f"{key} has no place beside import: an imported pool has its own settings"
                raise self._wrong(what, key)
        if "library" in self._table:
            raise self._wrong("library has no place beside import", "library")
        return self._text("import")

    def _opened(self) -> dict[str, Any]:
        url = self._url()
        library = self._library(url)
        kinds = self._kinds(library, url)
        options: dict[str, object] = {}
        for key, value in self._table.items():
            if key not in OWN:
                options[key] = self._option(library, kinds, key, value)
        objects = (key for key in options if kinds[key] in _OBJECTS)
        return {
            "url": url,
            "library": library,
            "options": options,
            "objects": frozenset(objects),
        }

    def _url(self) -> str:
        try:
            url = self._known.fill_url(self._text("url")).strip()
        except ValueError as error:
            raise self._wrong(f"url {error}", "url") from None
        if "://" not in url:
            raise self._wrong("url is no address: it has no ://", "url")
        self._secrets |= _password(url)
        return url

    def _library(self, url: str) -> str:
        if "library" not in self._table:
            return _BY_SCHEME.get(url.partition("://")[0].lower(), "sqlalchemy")
        library = self._text("library")
        if library not in openable():
            what = f"library takes {', '.join(openable())}, not {library!r}"
            raise self._wrong(what, "library")
        return library

    def _kinds(self, library: str, url: str) -> Mapping[str, str]:
        try:
            return opener(library).options(url)
        except ImportError as error:
            extra = f"pip install 'pool-dashboard[{library}]'"
            what = f"[pools.{self._name}] needs {error.name or library}: {extra}"
            raise self._wrong(what) from None
        except ValueError as error:
            raise self._wrong(f"url {error}", "url") from None

    def _option(self, library: str, kinds: Mapping[str, str], key: str, given: object) -> object:
        if key not in kinds:
            what = f"{key} is no option of {library} pools{near(key, (*kinds, *OWN))}"
            raise self._wrong(what, key)
        try:
            value = checked(kinds[key], given)
        except ValueError as error:
            raise self._wrong(f"{key} {error}", key) from None
        return self._filled(value, key)

    def _filled(self, value: object, *path: str) -> object:
        """Texts with their variables, at any depth."""
        if isinstance(value, dict):
            return {key: self._filled(item, *path, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item, *path) for item in value]
        if not isinstance(value, str):
            return value
        try:
            text = self._known.fill(value)
        except ValueError as error:
            raise self._wrong(f"{path[-1]} {error}", *path) from None
        if is_secret(path[-1]):
            self._secrets.add(text)
        return text


def _password(url: str) -> set[str]:
    """As it stands and as it is meant, without asking a library."""
    try:
        userinfo = urlsplit(url).netloc.rpartition("@")[0]
    except ValueError:
        return set()
    password = userinfo.partition(":")[2]
    return {password, unquote(password)}


def near_own(table: Mapping[str, object]) -> str:
    """`; did you mean url?` for the first key that looks like one of ours."""
    return next((hint for key in table if "did you mean" in (hint := near(key, OWN))), "")
