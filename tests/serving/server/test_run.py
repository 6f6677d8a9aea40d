"""The server as a process: real clients, real signals, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from mlsys.serving.server.limits import Limits
from mlsys.serving.server.metrics import Metrics
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.run import Settings, endpoint_of, settle

http = pytest.importorskip("tritonclient.http")
pytestmark = pytest.mark.multiprocess
HERE = Path(__file__).parent / "models_here.py"
HANGS, DIES = 902, 901
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]}
).encode()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def command(*options: str, port: int) -> list[str]:
    module = [sys.executable, "-m", "mlsys.serving.server"]
    return [*module, "--model", f"{HERE}:double", "--port", str(port), *options]


@contextmanager
def server(*options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server that is ready; ended by a signal in the end, if the test has not done it."""
    port = free_port()
    process = subprocess.Popen(command(*options, port=port), stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            try:
                get(port, "/v2/health/ready")
                break
            except OSError:
                time.sleep(0.02)
        yield process, port
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()


def get(port: int, path: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status, answer.read()


def post(port: int, body: bytes = BODY) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{port}/v2/models/double/infer"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_real_client_works_and_so_does_curl() -> None:
    with server("--quiet") as (process, port):
        client = http.InferenceServerClient(f"127.0.0.1:{port}")
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("double") and not client.is_model_ready("treble")
        assert client.get_model_metadata("double")["inputs"][0]["shape"] == [-1, 3]
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        for binary in (True, False):
            given = http.InferInput("x", [2, 3], "FP32")
            given.set_data_from_numpy(x, binary_data=binary)
            wanted = [http.InferRequestedOutput("y", binary_data=binary)]
            np.testing.assert_array_equal(
                client.infer("double", [given], outputs=wanted).as_numpy("y"), 2 * x
            )
        client.close()
        url = f"http://127.0.0.1:{port}/v2/models/double/infer"
        curl = ["curl", "-s", "-d", BODY.decode(), url]
        done = subprocess.run(curl, capture_output=True, timeout=20, check=True)
        assert json.loads(done.stdout)["outputs"][0]["data"] == [2, 4, 6]
        workers = children(process.pid)
    assert process.returncode == 0
    deadline = time.monotonic() + 10  # Python's own tracker of shared memory ends a moment later
    while any(map(runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(runs, workers))


def test_sigterm_under_load_loses_no_request() -> None:
    """Whoever was let in has an answer; whoever came later found the door closed."""
    with server("--quiet", "--policy", "fixed", "--wait", "0.3", "--most", "64") as (process, port):
        statuses: list[object] = []

        def ask() -> None:
            try:
                statuses.append(post(port)[0])
            except OSError as error:
                statuses.append(type(error).__name__)

        with ThreadPoolExecutor(16) as pool:
            tasks = [pool.submit(ask) for _ in range(16)]
            time.sleep(0.15)  # they wait for company
            process.send_signal(signal.SIGTERM)
            for task in tasks:
                task.result(30)
        assert process.wait(20) == 0
    assert statuses == [200] * 16
    with pytest.raises(OSError):
        get(port, "/v2")


def test_a_worker_that_is_killed_is_replaced_and_nobody_notices() -> None:
    with server("--quiet", "--workers", "2") as (process, port):
        stop, wrong = threading.Event(), []

        def ask() -> None:
            while not stop.is_set():
                status, body = post(port)
                if status != 200 or json.loads(body)["outputs"][0]["data"] != [2, 4, 6]:
                    wrong.append((status, body))

        with ThreadPoolExecutor(4) as pool:
            for _ in range(4):
                pool.submit(ask)
            for _ in range(2):
                time.sleep(0.3)
                for pid in children(process.pid):
                    if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGKILL)
                        break
            time.sleep(0.5)
            stop.set()
        assert wrong == []


def test_a_batch_that_kills_costs_its_sender_an_error_only() -> None:
    body = BODY.replace(b"[1, 2, 3]", b"[%d, 2, 3]" % DIES)
    with server("--quiet", "--workers", "2") as (_, port):
        status, answer = post(port, body)
        assert status == 500 and "have ended" in json.loads(answer)["error"]
        assert post(port)[0] == 200


def test_a_client_that_sends_byte_by_byte_hinders_nobody() -> None:
    async def main(port: int) -> None:
        _, slow = await asyncio.open_connection("127.0.0.1", port)
        slow.write(
            b"POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n"
        )
        for _ in range(5):
            slow.write(b"x")
            await slow.drain()
            assert (await asyncio.to_thread(post, port))[0] == 200
        slow.close()

    with server("--quiet") as (_, port):
        asyncio.run(main(port))
        assert post(port)[0] == 200


HEAD = b"POST /v2/models/double/infer HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
RAW = [  # what is sent, and the statuses that may answer it; 0: the connection is closed
    (HEAD + LENGTH % len(BODY) + BODY, {200}),
    (HEAD + CHUNKED + b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n", {200}),
    (HEAD + LENGTH % 20 + BODY, {400}),
    (HEAD + b"\r\n" + BODY, {400}),
    (HEAD + LENGTH % 10**11 + BODY, {413}),
    (HEAD + b"Content-Length: 1e3\r\n\r\n" + BODY, {400}),
    (HEAD + CHUNKED + b"zz\r\n" + BODY, {400}),
    (HEAD + CHUNKED + b"f" * 30 + b"\r\n" + BODY, {400}),
    (HEAD + CHUNKED + (b"100000\r\n" + b"x" * 2**20 + b"\r\n") * 9, {413}),
    (HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\n" + LENGTH % len(BODY) + BODY, {400}),
    (b"GET /v2/models/%ff%00%0a HTTP/1.1\r\nHost: x\r\n\r\n", {404}),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", {400}),
    (b"GET /v2 HTTP/1.1\r\na: " + b"b" * 2**25, {431, 0}),  # 0: reset before it was read
    (b"GET /v2 HTTP/1.1\r\n" + b"a: b\r\n" * 2**22, {431, 0}),
    (b"GET /" + b"a" * 2**24, {431, 0}),
]


def answered(port: int, data: bytes) -> int:
    """The status of the answer to raw bytes; 0 if the connection was reset before it."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        with suppress(OSError):  # the server has heard enough
            client.sendall(data)
        try:
            said = client.recv(2**16)
        except OSError:
            return 0
    if b" 200 " not in said[:20] and said:
        assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]
    return int(said.split()[1]) if said else 0


def resident(pid: int) -> int:
    """Bytes of memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_raw_bytes_of_every_kind_are_answered_and_not_kept() -> None:
    with server("--quiet", "--body", str(2**22)) as (process, port):
        before = resident(process.pid)
        for data, statuses in RAW:
            assert answered(port, data) in statuses, data[:100]
            assert post(port)[0] == 200
        assert resident(process.pid) - before < 2**24  # 100 MB were sent


def test_the_log_is_json_and_tells_no_secrets(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with server("--log", str(log), "--token", "sesame") as (_, port):
        assert post(port)[0] == 401
        path = "/v2/models/a%0a%1b[2Jb?token=sesame"
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
        request.add_header("Authorization", "Bearer sesame")
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10)
    text = log.read_bytes()
    assert b"sesame" not in text and all(0x20 <= byte < 0x7F or byte == 10 for byte in text)
    entries = [json.loads(line) for line in text.splitlines()]
    assert [(e["method"], e["status"]) for e in entries if e["path"] != "/v2/health/ready"] == [
        ("POST", 401), ("GET", 404)
    ]  # fmt: skip
    assert entries[-1]["path"] == "/v2/models/a\n\x1b[2Jb"
    assert entries[-1].keys() == {
        "time", "method", "path", "model", "version", "status", "seconds", "bytes"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--model", f"{HERE}:broken"], "no weights here"),
        (["--model", "nowhere.py:model"], "no file 'nowhere.py'"),
        (["--model", "no.such.module:model"], "no module"),
        (["--model", "nothing"], "MODULE:OBJECT"),
        (["--policy", "clever"], "expected one of"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(options: list[str], why: str) -> None:
    done = subprocess.run(
        command(*options, port=free_port()), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 1 and why in done.stderr
    assert "Traceback" not in done.stderr and re.search(r"^error: ", done.stderr, re.M)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
        done = subprocess.run(command(port=port), capture_output=True, text=True, timeout=50)
    assert done.returncode != 0 and "address already in use" in done.stderr.lower()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("model", "name", "version", "why"),
    [
        ("cold", "", "", "to warm it up, and failed: the model raised ValueError: zeros"),
        ("double", "double", "1/infer", "expected up to 100 letters"),
    ],
)
def test_a_model_that_cannot_be_used_leaves_nothing_behind(model, name, version, why) -> None:
    async def main() -> None:
        given = f"{HERE}:{model}", Settings(), Metrics(), print, name, version
        with pytest.raises(ModelError, match=why):
            await endpoint_of(*given)

    before = set(children(os.getpid()))
    asyncio.run(main())
    assert not [pid for pid in set(children(os.getpid())) - before if worker(pid)]


def test_a_model_need_not_be_warmed_up() -> None:
    async def main() -> None:
        settings = Settings(warm_up=False)
        endpoint = await endpoint_of(f"{HERE}:cold", settings, Metrics(), print)
        answer = await endpoint.predict({"x": np.ones((1, 3), np.float32)})
        assert answer["y"].tolist() == [[2, 2, 2]]
        await endpoint.close()

    asyncio.run(main())


def worker(pid: int) -> bool:
    """A process with a model, and not Python's own tracker of shared memory."""
    return runs(pid) and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_who_may_ask_may_not_therefore_load_models() -> None:
    with pytest.raises(ValueError, match="another token"):
        Settings(control="sesame", limits=Limits(token="sesame"))


def test_policies_by_name() -> None:
    names = ["greedy", "none", "fixed", "aimd"]
    kinds = [type(Settings(policy=name).make_policy()).__name__ for name in names]
    assert kinds == ["Greedy", "OneByOne", "Fixed", "AIMD"]


def test_what_has_been_loaded_is_not_looked_through_again():
    loaded, threshold = [[] for _ in range(1000)], gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > len(loaded)
        assert not any(each is loaded for each in gc.get_objects())
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
