"""A script that says how busy its pools were, and who kept a connection.

python examples/script.py
"""

import os

from sqlalchemy import create_engine, text

from dashboard import Dashboard

dash = Dashboard(title="Nightly report")
dash.watch_all()  # every pool that is made from here on, also in libraries

engine = create_engine(os.environ["DATABASE_URL"])
for _ in range(10):
    with engine.connect() as connection:
        connection.execute(text("select 1"))

for pool in dash.snapshot().pools.values():
    print(f"{pool.name}: {pool.checkouts} checkouts, {pool.used} still out of {pool.max}")
for suspect in dash.suspects():
    print(suspect.verdict, suspect.call_site)
engine.dispose()
