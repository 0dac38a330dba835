"""The shop's tables and their first rows."""

import asyncpg

# `disk` stands for what a database on this machine's own memory does not have: a disk that seeks
# and a network in between. Most calls take about the median, one in fifty takes three times that.
_TABLES = """
CREATE TABLE products (
    id integer PRIMARY KEY,
    name text NOT NULL,
    shelf integer NOT NULL,
    price_cents integer NOT NULL
);
CREATE INDEX ON products (shelf);
CREATE TABLE stock (
    product_id integer PRIMARY KEY REFERENCES products,
    quantity integer NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE customers (id integer PRIMARY KEY, name text NOT NULL, email text NOT NULL);
CREATE TABLE orders (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    state text NOT NULL,
    total_cents integer NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_lines (
    order_id integer NOT NULL REFERENCES orders ON DELETE CASCADE,
    product_id integer NOT NULL REFERENCES products,
    price_cents integer NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
CREATE TABLE audit (
    order_id integer NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION disk(median double precision) RETURNS void LANGUAGE sql VOLATILE AS
    'SELECT pg_sleep(median * (0.7 + 0.6 * random() + 3 * random() ^ 24))';
"""

PRODUCTS = 240
CUSTOMERS = 400
SHELVES = 12
FIRST_ORDERS = 2000

# The figures are this file's own.
_ROWS = f"""
INSERT INTO products
    SELECT id, 'Product ' || id, 1 + id % {SHELVES}, 90 + floor(random() * 4000)
    FROM generate_series(1, {PRODUCTS}) AS id;
INSERT INTO stock SELECT id, 200 + floor(random() * 300) FROM products;
INSERT INTO customers
    SELECT id, 'Customer ' || id, 'customer' || id || '@shop.example'
    FROM generate_series(1, {CUSTOMERS}) AS id;
INSERT INTO orders (customer_id, state, total_cents, placed_at)
    SELECT 1 + floor(random() * {CUSTOMERS}), 'paid', 500 + floor(random() * 9000),
        now() - ({FIRST_ORDERS} - n) * interval '20 seconds'
    FROM generate_series(1, {FIRST_ORDERS}) AS n;
INSERT INTO order_lines
    SELECT id, 1 + floor(random() * {PRODUCTS}), total_cents FROM orders;
ANALYZE;
"""  # noqa: S608


async def create(url: str, seed: int) -> None:
    """Make the tables in an empty database; the same seed fills in the same rows."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_TABLES)
        await connection.execute("SELECT setseed($1)", fraction(seed))
        await connection.execute(_ROWS)
    finally:
        await connection.close()


def fraction(seed: int) -> float:
    """What PostgreSQL takes for a seed: a number from -1 to 1."""
    return seed % 2001 / 1000 - 1
