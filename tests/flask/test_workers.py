"""Several worker processes on one file, forked from one that has used the store, as by ``gunicorn --preload``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import collections, concurrent.futures, os, signal, socket, sys, urllib.request
from flask import Flask
from werkzeug.serving import make_server, WSGIRequestHandler
from kindstore import ndb
from kindstore.flask import Kindstore, Model

app = Flask("app")
db = Kindstore(app, url=sys.argv[1])

class Counter(Model):
    number = ndb.IntegerProperty(default=0)

class Line(Model):
    worker = ndb.IntegerProperty()

@app.post("/")
def add():
    @ndb.transactional(retries=100)
    def more():
        counter = Counter.query.get("n")
        counter.number += 1
        counter.put()
    more()
    Line(worker=os.getpid()).put()
    return str(os.getpid())

with app.app_context():
    Counter(id="n").put()  # the store is open when the workers are forked

listener = socket.create_server(("127.0.0.1", 0), backlog=128)
port = listener.getsockname()[1]

class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass

workers = []
for _ in range(4):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno(), request_handler=Quiet).serve_forever()
        os._exit(1)
    workers.append(pid)

def post(_):
    with urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/", method="POST"), timeout=60) as answer:
        return int(answer.read())

try:
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answered = collections.Counter(threads.map(post, range(400)))
finally:
    for pid in workers:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
with app.app_context():
    by_worker = collections.Counter(line.worker for line in Line.query)
    print(Counter.query.get("n").number, by_worker == answered, len(answered))
"""


def test_four_workers_on_one_file_lose_no_update(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "app.db")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    total, agree, workers = done.stdout.split()
    assert (total, agree) == ("400", "True")
    assert int(workers) > 1
