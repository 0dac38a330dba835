"""What the pool page puts together from several readings."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.analysis.instants import is_about
from tests.web.readings import pool, suspect


@pytest.mark.parametrize(("apart", "is_one"), [(0, True), (40, True), (-40, True), (10**6, False)])
def test_suspect_of_another_reading_is_known(apart: int, is_one: bool) -> None:  # noqa: FBT001
    # The offset of the wall clock is taken anew for each picture.
    [holder] = pool(used=1).open
    found = suspect(held_for=2.8)
    found = replace(
        found,
        connection=holder.connection,
        since=holder.since + timedelta(microseconds=apart),
    )
    assert is_about(found, holder) is is_one
