"""Libraries that are imported after `watch_all`, in a process of their own."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).parents[2]
_BEGIN = """
import sys, time
from dashboard.watching import Watches
from dashboard.watching_all import watch_all
watches = Watches(time.monotonic)
libraries = {"sqlalchemy", "asyncpg", "aiohttp"}
finders = list(sys.meta_path)
"""


def _run(program: str, *, path: str = "") -> list[str]:
    source = _BEGIN + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        env={"PYTHONPATH": f"{_ROOT}:{path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_library_imported_later_is_watched() -> None:
    assert _run("""
        every = watch_all(watches)
        print(libraries & set(sys.modules))
        from sqlalchemy import create_engine
        loader = type(sys.modules["sqlalchemy"].__loader__).__name__
        print(loader, "exec_module" in vars(sys.modules["sqlalchemy"].__loader__))
        engine = create_engine("sqlite:///shop.db", pool_size=2)
        print(every.watches)
        print(libraries & set(sys.modules))
        every.stop()
        code = sys.modules["sqlalchemy"].Pool.__init__.__code__
        print(sys.meta_path == finders, "pool-dashboard" in code.co_filename)
    """) == [
        "set()",
        "SourceFileLoader False",
        "(<Watch shop.db (sqlalchemy)>,)",
        "{'sqlalchemy'}",
        "True False",
    ]


def test_finder_leaves_when_all_are_imported() -> None:
    assert _run("""
        every = watch_all(watches)
        print(len(sys.meta_path) - len(finders))
        import asyncpg, sqlalchemy.pool
        print(len(sys.meta_path) - len(finders))
        import aiohttp.web
        print(len(sys.meta_path) - len(finders), every.errors)
    """) == ["1", "1", "0 0"]


def test_stopped_before_the_import_leaves_nothing() -> None:
    assert _run("""
        import importlib.util
        every = watch_all(watches)
        spec = importlib.util.find_spec("sqlalchemy")
        every.stop()
        module = importlib.util.module_from_spec(spec)
        sys.modules["sqlalchemy"] = module
        spec.loader.exec_module(module)
        print("pool-dashboard" in module.Pool.__init__.__code__.co_filename)
    """) == ["False"]


def test_failing_import_fails_the_same_and_is_tried_again(tmp_path: Path) -> None:
    package = tmp_path / "asyncpg"
    package.mkdir()
    (package / "__init__.py").write_text(
        "import os\nif 'FIXED' not in os.environ: raise RuntimeError('broken build')\n"
        "from . import pool\n"
    )
    (package / "pool.py").write_text("class Pool:\n    def __init__(self): self.x = 1\n")
    assert _run(
        """
        import os
        every = watch_all(watches)
        try:
            import asyncpg
        except RuntimeError as error:
            print(error, "asyncpg" in sys.modules)
        os.environ["FIXED"] = "1"
        import asyncpg
        print("pool-dashboard" in asyncpg.pool.Pool.__init__.__code__.co_filename)
        """,
        path=str(tmp_path),
    ) == ["broken build False", "True"]


def test_library_of_another_shape_is_counted_not_raised(tmp_path: Path) -> None:
    (tmp_path / "asyncpg.py").write_text("pool = None\n")
    assert _run(
        """
        every = watch_all(watches)
        import asyncpg
        print(asyncpg.pool, every.errors, every.last_error)
        """,
        path=str(tmp_path),
    ) == ["None 1 wrapping asyncpg: KeyError"]


def test_missing_library_is_missing_as_before() -> None:
    assert _run("""
        import importlib.util
        sys.path[:] = [path for path in sys.path if "site-packages" not in path]
        every = watch_all(watches)
        print(importlib.util.find_spec("asyncpg"))
        try:
            import asyncpg
        except ModuleNotFoundError as error:
            print(error.name, error)
    """) == ["None", "asyncpg No module named 'asyncpg'"]


def test_finders_that_ask_each_other_find() -> None:
    assert _run("""
        import importlib.util
        class Asking:
            busy = False
            def find_spec(self, name, path=None, target=None):
                if self.busy:
                    return None
                self.busy = True
                try:
                    return importlib.util.find_spec(name) if "." not in name else None
                finally:
                    self.busy = False
        sys.meta_path.insert(0, Asking())
        every = watch_all(watches)
        sys.meta_path.insert(0, Asking())
        import sqlalchemy
        print("pool-dashboard" in sqlalchemy.Pool.__init__.__code__.co_filename, every.errors)
    """) == ["True 0"]


def test_library_in_a_zip_is_watched(tmp_path: Path) -> None:
    assert _run(
        """
        import zipfile
        with zipfile.ZipFile("TMP/libraries.zip", "w") as archive:
            archive.writestr("asyncpg/__init__.py", "import asyncpg.other, asyncpg.pool")
            archive.writestr("asyncpg/other.py", "")
            archive.writestr("asyncpg/pool.py", "class Pool:\\n    def __init__(self, size): pass")
        sys.path.insert(0, "TMP/libraries.zip")
        every = watch_all(watches)
        import asyncpg
        print("pool-dashboard" in asyncpg.pool.Pool.__init__.__code__.co_filename)
        print("exec_module" in vars(asyncpg.__loader__))
        """.replace("TMP", str(tmp_path)),
    ) == ["True", "False"]


def test_threads_that_import_at_once() -> None:
    assert _run("""
        import threading
        barrier = threading.Barrier(10)
        def load(name):
            barrier.wait()
            __import__(name)
        names = ["sqlalchemy", "asyncpg", "aiohttp"] * 3
        threads = [threading.Thread(target=load, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        barrier.wait()
        every = watch_all(watches)
        for thread in threads:
            thread.join()
        import aiohttp, asyncpg, sqlalchemy
        kinds = sqlalchemy.Pool, asyncpg.Pool, aiohttp.BaseConnector
        print(["pool-dashboard" in kind.__init__.__code__.co_filename for kind in kinds])
        print(every.errors)
    """) == ["[True, True, True]", "0"]
