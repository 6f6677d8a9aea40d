"""The race of servers before any clock: all answer the same, and the load is counted right."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import engines.servers
import numpy as np
import pytest
from bench_server import RACE, _fixed
from engines.served.models import CNN, MLP, answered, asked, example, made, read
from engines.servers import Asked, Clock, Generator, Question, Server, ours
from race import agreement

pytestmark = pytest.mark.multiprocess

# Answers after 20 ms, one request at a time: so it answers at most 50 a second.
SLOW = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ONE = threading.Lock()

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        got = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with ONE:
            time.sleep(0.02)
        body = json.dumps({"y": got["x"]}).encode()
        self.send_response(200 if got["x"] else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

ThreadingHTTPServer.request_queue_size = 1024
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def slow(body: bytes):
    def question(model: str, port: int) -> Asked:
        command = [sys.executable, "-c", SLOW, str(port)]
        headers = {"Content-Type": "application/json"}
        return Asked(command, "/", body, headers, lambda said: said["y"])

    return question


@pytest.mark.parametrize("name", [MLP, CNN])
def test_ours_answers_what_the_model_says(name):
    server = Server(ours(), Clock(), Generator())
    entry = server.throughput(Question(name, connections=4, seconds=0.1))
    scores = answered(made(name), [example(name)[0]])[0]
    assert agreement(entry.results(), {"scores": np.array(scores)}, 1e-5)
    entry.work()
    assert server._clock() > 0
    entry.close()


@pytest.mark.parametrize("name", [MLP, CNN])
def test_a_peer_reads_the_row_that_it_is_sent(name):
    assert np.array_equal(read(name, json.loads(asked(name))), example(name)[0])


def test_a_server_of_fifty_a_second_is_found_to_be_one():
    clock = Clock()
    server = Server(slow(b'{"x": [1]}'), clock, Generator())
    entry = server.throughput(Question(MLP, connections=4, seconds=0.4))
    assert entry.results()["scores"].tolist() == [1]
    entry.work()
    assert 0.019 < clock() < 0.2  # a request takes 20 ms, or more on a busy machine
    entry.close()


def test_in_an_open_loop_latency_counts_from_when_a_request_was_due():
    """Twice as many come as can be answered: the last ones wait for half of the run."""
    generator, clock = Generator(), Clock()
    server = Server(slow(b'{"x": [1]}'), clock, generator)

    def sample(running):
        told = generator.ask(running, "opened", rate=100, seconds=1.0, seed=0)
        assert told["requests"] == 100 and not told["bad"]
        assert told["p99"] > 0.5
        return 1.0

    entry = server._entry(Question(MLP, connections=1, seconds=0), sample)
    entry.work()
    entry.close()


def test_a_server_that_answers_with_errors_is_none(monkeypatch):
    monkeypatch.setattr(engines.servers, "LONGEST_START", 1.0)
    server = Server(slow(b'{"x": []}'), Clock(), Generator())
    with pytest.raises(RuntimeError, match="no server"):
        server.throughput(Question(MLP)).work()


def test_every_peer_is_named_and_absent_ones_say_how_to_get_them(tmp_path: Path):
    peers, _ = RACE.enter({"peers": None})
    absent = {peer.peer: peer.note for peer in peers if not peer.present}
    assert set(absent) == {"mosec", "litserve", "ray", "fastapi"}
    assert all("--peers ENV" in note for note in absent.values())
    with pytest.raises(SystemExit, match="has no mosec"):
        RACE.enter({"peers": tmp_path})


def test_targets_are_those_that_were_set():
    judged = {heat.case.case: heat.targets for heat in RACE.heats}
    assert judged["mlp-64"] == {"mosec": 0.7, "litserve": 10, "ray": 10, "fastapi": 3}
    assert judged["cnn-64"]["model"] == pytest.approx(1 / 1.15)
    assert set(judged["cnn-aimd"]) == set(_fixed()) and set(judged["cnn-aimd"].values()) == {0.9}
