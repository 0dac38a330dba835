"""Orders: SQLAlchemy's async engine, one short transaction for each step."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from . import payments
from .pools import Pools

_LOCK = text(
    "SELECT product_id FROM stock WHERE product_id = ANY(:products) ORDER BY product_id FOR UPDATE"
)
_WORK = text("SELECT disk(:median)")
_INSERT = text("""
    WITH placed AS (
        INSERT INTO orders (customer_id, state, total_cents)
        SELECT :customer, 'placed', sum(price_cents) FROM products WHERE id = ANY(:products)
        RETURNING id, total_cents
    ), lines AS (
        INSERT INTO order_lines
        SELECT placed.id, products.id, price_cents FROM placed, products
        WHERE products.id = ANY(:products)
    ), taken AS (
        UPDATE stock SET quantity = quantity - 1 WHERE product_id = ANY(:products)
    )
    SELECT id, total_cents FROM placed
""")
_SETTLE = text("UPDATE orders SET state = :state WHERE id = :order")
_STATE = text("SELECT state FROM orders, disk(0.012) WHERE id = :order")
_DELIVER = text("UPDATE stock SET quantity = quantity + 40 WHERE product_id = ANY(:products)")
_NOTE = text("INSERT INTO audit (order_id, note) VALUES (:order, :note)")
# The newest orders are enough for every report; a demo that runs for days must not fill the disk.
_ARCHIVE = text("DELETE FROM orders WHERE id < (SELECT max(id) - 5000 FROM orders)")
_FORGET = text("DELETE FROM audit WHERE at < now() - interval '10 minutes'")


async def place_order(pools: Pools, customer: int, products: Sequence[int]) -> str:
    """Take the goods, charge the card while nothing is held, note the result."""
    order, total = await take_goods(pools, customer, products)
    state = await payments.charge_card(pools, order, total)
    await settle_order(pools, order, state)
    return state


async def take_goods(pools: Pools, customer: int, products: Sequence[int]) -> tuple[int, int]:
    """Lock the stock rows in one order, so that two baskets cannot deadlock; id and total."""
    async with pools.orders.begin() as connection:
        await connection.execute(_WORK, {"median": 0.09})
        await connection.execute(_LOCK, {"products": list(products)})
        row = await connection.execute(_INSERT, {"customer": customer, "products": list(products)})
        order, total = row.one()
    return order, total


async def settle_order(pools: Pools, order: int, state: str) -> None:
    """Note what the bank said."""
    async with AsyncSession(pools.orders) as session, session.begin():
        await session.execute(_SETTLE, {"order": order, "state": state})


async def order_state(pools: Pools, order: int) -> str | None:
    """Where an order is; None when it was archived."""
    async with pools.orders.connect() as connection:
        state: str | None = await connection.scalar(_STATE, {"order": order})
    return state


async def receive_delivery(pools: Pools, products: Sequence[int]) -> None:
    """Put a delivery on the shelves; its rows stay locked while it is counted."""
    async with pools.orders.begin() as connection:
        await connection.execute(_LOCK, {"products": sorted(products)})
        await connection.execute(_WORK, {"median": 0.05})
        await connection.execute(_DELIVER, {"products": list(products)})


async def archive_orders(pools: Pools) -> None:
    """Remove the oldest orders."""
    async with pools.orders.begin() as connection:
        await connection.execute(_ARCHIVE)
        await connection.execute(_FORGET)


async def pay_inside_transaction(pools: Pools, order: int) -> str:
    """Wrong on purpose: the transaction, and so the connection, stays open during a slow call."""
    async with AsyncSession(pools.orders) as session, session.begin():
        await session.execute(_WORK, {"median": 0.01})
        state = await payments.review_card(pools, order)
        await session.execute(_SETTLE, {"order": order, "state": state})
    return state


async def audit_order(pools: Pools, order: int) -> None:
    """Wrong on purpose: holds one connection and asks the same pool for another."""
    async with pools.orders.begin() as outer:
        await outer.execute(_WORK, {"median": 0.06})
        await write_note(pools, order)


async def write_note(pools: Pools, order: int) -> None:
    """Note an audit in a transaction of its own, so that it stays if the audit fails."""
    async with pools.orders.begin() as inner:
        await inner.execute(_NOTE, {"order": order, "note": "looked at"})
