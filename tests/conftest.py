"""Loads the house: real servers, a real browser, and the check that a test left nothing."""

import gc

from hypothesis import settings

pytest_plugins = ("tests.house.leftovers", "tests.house.servers", "tests.house.browser")

# The cores may be slow and shared: a slow example is no failure.
_current = settings.get_profile(settings.get_current_profile_name())
settings.register_profile("house", _current, deadline=None)
settings.load_profile("house")


def pytest_collection_finish() -> None:
    """What was imported stays: a test that collects garbage need not look through it, 0.3 s."""
    gc.collect()
    gc.freeze()
