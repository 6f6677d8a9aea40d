"""mosec, in batches: with_mosec.py MODEL PORT. Its path is /inference."""

import os
import sys

from models import BATCH, WAIT, answered, made, read
from mosec import Server, Worker

# mosec reads the command line as its own, and its workers read this file again with what is left.
NAME = os.environ.setdefault("SERVED_MODEL", sys.argv[1])


class Model(Worker):
    """One model in a process of its own; the server before it is written in Rust."""

    def __init__(self):
        super().__init__()
        self.model = made(NAME)

    def forward(self, data):
        rows = [read(NAME, each) for each in data]
        return [{"y": y} for y in answered(self.model, rows)]


if __name__ == "__main__":
    sys.argv[1:] = ["--port", sys.argv[2], "--log-level", "warning"]
    server = Server()
    server.append_worker(Model, num=1, max_batch_size=BATCH, max_wait_time=int(1000 * WAIT))
    server.run()
