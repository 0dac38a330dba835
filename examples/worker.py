"""A worker with threads and no web server: the dashboard serves itself.

python examples/worker.py
"""

import os
import queue
import threading

from sqlalchemy import create_engine, text

from dashboard import Dashboard

engine = create_engine(os.environ["DATABASE_URL"], pool_size=2, max_overflow=0)
jobs: queue.Queue[int | None] = queue.Queue()


def work() -> None:
    """Take jobs until there is a None."""
    while (job := jobs.get()) is not None:
        with engine.connect() as connection:
            connection.execute(text("select :job"), {"job": job})
        jobs.task_done()


if __name__ == "__main__":
    dash = Dashboard(title="Worker")
    dash.watch(engine, name="jobs")
    workers = [threading.Thread(target=work) for _ in range(4)]
    with dash.serve(port=int(os.environ.get("PORT", "8765"))) as server:
        print(server.url, flush=True)
        for each in workers:
            each.start()
        for job in range(100):
            jobs.put(job)
        jobs.join()
        input("Enter ends it. ")
        for _ in workers:
            jobs.put(None)
        for each in workers:
            each.join()
