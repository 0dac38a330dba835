"""What is left of a statement when its values are taken out."""

import pytest

from dashboard.literals import strip_literals


@pytest.mark.parametrize(
    ("query", "stripped"),
    [
        ("select * from t where a = 'it''s' and b = 12.5", "select * from t where a = ? and b = ?"),
        ("select E'a\\'b', $tag$any 'thing$tag$, t1.c2", "select ?, ?, t1.c2"),
        ("select 1 -- 'my secret'\n, 2", "select ? , ?"),
        ("/* user 'bob */ select 'x'", "select ?"),
        ("select $1, 'open ended", "select $1, ?"),
        ("insert into t values (-1, 1e10, 'a\nb')", "insert into t values (-?, ?, ?)"),
        ('select 1 as "a\'b", \'mine\' as "c""\'d"', 'select ? as "a\'b", ? as "c""\'d"'),
        ("select 1 /* a /* nested */ secret */, 2", "select ? , ?"),
        ("select 1 /* a /* nested */ cut off", "select ?"),
        ("select .77, 5., 0x1F, 1_000_000, 1.5e-3, a1.x2", "select ?, ?, ?, ?, ?, a1.x2"),
        ("select a$1$b, $1, $2, $é$mine$é$", "select a$1$b, $1, $2, ?"),
        ("select E'\\\\', 'mine', E'cut \\", "select ?, ?, ?"),
        (
            "select U&'d\\0061t', X'1FF', ARRAY['a', 'b'], arr[3]",
            "select U&?, X?, ARRAY[?, ?], arr[?]",
        ),
        ("select 'a' -- it's\r, 'mine'", "select ? , ?"),
    ],
)
def test_literals_and_comments_go(query: str, stripped: str) -> None:
    assert strip_literals(query) == stripped
