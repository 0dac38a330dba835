"""Lines that may hold a connection for as long as they like: the allow-list."""

from fnmatch import fnmatchcase

from ..model.origin import CallSite


def is_allowed(site: CallSite, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern names the call site: `reports.py:nightly`, `jobs/*.py`, `sync_stock`.

    Before the colon the end of a path, behind it a function or a line; `*` stands for anything.
    Without a colon it may be either.
    """
    return any(_fits(site, pattern) for pattern in patterns)


def _fits(site: CallSite, pattern: str) -> bool:
    path, colon, name = pattern.rpartition(":")
    if not colon:
        return _is_path(site.file, pattern) or _is_name(site, pattern)
    return _is_path(site.file, path) and _is_name(site, name)


def _is_path(file: str, path: str) -> bool:
    return fnmatchcase(f"/{file}".replace("\\", "/"), f"*/{path}")


def _is_name(site: CallSite, name: str) -> bool:
    names = (site.function, site.function.rpartition(".")[2])
    return name == str(site.line) or any(fnmatchcase(each, name) for each in names)
