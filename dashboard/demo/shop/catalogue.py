"""What is for sale: a raw asyncpg pool, one query for each page."""

from .pools import Pools

_WAIT = 2.0


async def browse_shelf(pools: Pools, shelf: int) -> list[tuple[int, str, int]]:
    """The products of one shelf: id, name, price in cents."""
    async with pools.catalogue.acquire(timeout=_WAIT) as connection:
        rows = await connection.fetch(
            "SELECT id, name, price_cents FROM products, disk(0.018) WHERE shelf = $1", shelf
        )
    return [(row["id"], row["name"], row["price_cents"]) for row in rows]


async def show_product(pools: Pools, product: int) -> dict[str, object] | None:
    """One product with what is left of it; None when there is no such product."""
    async with pools.catalogue.acquire(timeout=_WAIT) as connection:
        row = await connection.fetchrow(
            "SELECT name, price_cents, quantity"
            " FROM products JOIN stock ON product_id = id, disk(0.03) WHERE id = $1",
            product,
        )
    return dict(row) if row is not None else None
