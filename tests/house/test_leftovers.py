"""The check after each test sees what a test leaves."""

import pytest

pytest_plugins = ("pytester",)

#: The check, without what takes a second to import.
_PLUGINS = ("-p", "tests.house.leftovers", "-p", "no:hypothesispytest", "-p", "no:faker")


@pytest.mark.parametrize(
    ("source", "phrase"),
    [
        (
            (
                "import threading\n"
                "def test_it():\n"
                "    wait = threading.Event().wait\n"
                "    threading.Thread(target=wait, name='lost', daemon=True).start()\n"
            ),
            "left behind: thread 'lost'",
        ),
        (
            (
                "import socket\n"
                "kept = []\n"
                "def test_it():\n"
                "    kept.append(socket.create_server(('127.0.0.1', 0)))\n"
            ),
            "left behind: listening socket ('127.0.0.1', ",
        ),
        (
            (
                "import asyncio\n"
                "kept = []\n"
                "async def test_it():\n"
                "    kept.append(asyncio.create_task(asyncio.Event().wait(), name='lost'))\n"
            ),
            "left behind: task 'lost'",
        ),
        (
            (
                "import asyncio\n"
                "async def leave():\n"
                "    leave.task = asyncio.create_task(asyncio.Event().wait(), name='lost')\n"
                "def test_it():\n"
                "    asyncio.run(leave())\n"
            ),
            "left behind: task 'lost'",
        ),
    ],
    ids=["thread", "socket", "task of an async test", "task of asyncio.run"],
)
def test_leftover_fails_the_test(pytester: pytest.Pytester, source: str, phrase: str) -> None:
    pytester.makepyfile(source)
    result = pytester.runpytest_subprocess(*_PLUGINS, "--asyncio-mode=auto")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*{phrase.replace('[', '[[]')}*"])


def test_ending_things_are_no_leftovers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import asyncio, threading\n"
        "async def test_it():\n"
        "    task = asyncio.create_task(asyncio.Event().wait())\n"
        "    await asyncio.sleep(0)\n"
        "    task.cancel()\n"
        "    await asyncio.to_thread(print)\n"
        "    threading.Timer(0.1, print).start()\n"
    )
    result = pytester.runpytest_subprocess(*_PLUGINS, "--asyncio-mode=auto")
    result.assert_outcomes(passed=1)


def test_fixtures_of_wider_scope_may_stay(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import socket, pytest\n"
        "@pytest.fixture(scope='session')\n"
        "def server():\n"
        "    with socket.create_server(('127.0.0.1', 0)) as listener:\n"
        "        yield listener\n"
        "def test_first(server): pass\n"
        "def test_second(server): pass\n"
    )
    result = pytester.runpytest_subprocess(*_PLUGINS)
    result.assert_outcomes(passed=2)
