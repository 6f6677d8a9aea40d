"""Versions come and go over HTTP: by whom it is allowed, in the protocol's words, losing nobody."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mlsys.serving.server.app import App
from mlsys.serving.server.control import Control, Repository
from mlsys.serving.server.limits import Limits
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.tensors import Info, Spec
from mlsys.serving.server.versions import Catalogue

http = pytest.importorskip("tritonclient.http")
httpx = pytest.importorskip("httpx")
HERE = Path(__file__).parent / "models_here.py"
X = (Spec("x", "FP64", (2,)),)
INFER = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]}
BEARING = {"authorization": "Bearer sesame"}


class Version:
    """Answers what it was asked, or under the name of another output."""

    def __init__(self, name, version, output="x"):
        self.info = Info(name, version, "test", X, (Spec(output, "FP64", (2,)),))
        self.output, self.closed = output, False

    async def predict(self, inputs, seconds):
        assert not self.closed
        return {self.output: inputs["x"]}

    async def close(self):
        self.closed = True


class Shelf:
    """Makes versions of what it has; remembers all that it has made."""

    def __init__(self):
        self.made = []

    async def make(self, source, name, version):
        await asyncio.sleep(0)
        if source == "none.py:model":
            raise ModelError("there is no file 'none.py'")
        if source == "full.py:model":
            raise OSError("No space left on device")
        output = "y" if source == "other.py:model" else "x"
        self.made.append((source, Version(name or "m", version or "1", output)))
        return self.made[-1][1]


def talk(conversation, token="sesame", limits=None):
    """Run ``conversation(post, shelf)`` with a server that has loaded model m."""

    async def main():
        shelf, catalogue = Shelf(), Catalogue()
        repository = Repository(catalogue, shelf.make)
        await repository.add("m.py:model")
        control = Control(repository, Limits(token=token)) if token else None
        app = App(catalogue, control=control, limits=limits)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def post(path, body=None, headers=BEARING):
                answer = await client.post(f"/v2/{path}", json=body or {}, headers=headers)
                return answer.status_code, answer.json()

            await conversation(post, shelf)

    asyncio.run(main())


async def answering(post, count=20, **more):
    """How many of so many requests each version answers."""
    seen = Counter()
    for _ in range(count):
        status, said = await post("models/m/infer", INFER | more)
        assert status == 200
        seen[said["model_version"]] += 1
    return dict(seen)


async def index(post, **asked):
    status, said = await post("repository/index", asked)
    assert status == 200
    return [(each["name"], each.get("version"), each["state"], each.get("share")) for each in said]


def test_a_load_takes_over_and_the_old_version_goes():
    async def conversation(post, shelf):
        assert await post("repository/models/m/load") == (200, {})
        assert await answering(post) == {"2": 20}
        assert [version.closed for _, version in shelf.made] == [True, False]
        named = {"parameters": {"model": "n.py:model", "version": "new-1"}}
        assert await post("repository/models/m/load", named) == (200, {})
        assert [source for source, _ in shelf.made] == ["m.py:model"] * 2 + ["n.py:model"]
        assert await index(post) == [("m", "new-1", "READY", 1.0)]

    talk(conversation)


def test_beside_routed_in_the_shadow_and_gone():
    async def conversation(post, shelf):
        beside = {"parameters": {"beside": True}}
        assert await post("repository/models/m/load", beside) == (200, {})
        assert await answering(post) == {"1": 20}
        status, said = await post(
            "repository/models/m/route", {"shares": {"1": 0.75, "2": 0.25}, "shadow": "2"}
        )
        assert (status, said) == (
            200, {"name": "m", "shares": {"1": 0.75, "2": 0.25}, "shadow": "2"}
        )  # fmt: skip
        seen = await answering(post, 100)
        assert abs(seen["2"] - 25) <= 2
        status, said = await post("repository/models/m/unload", {"parameters": {"version": "2"}})
        assert status == 400 and "0.25 of the requests: route them elsewhere" in said["error"]
        assert (await post("repository/models/m/route", {"shares": {"1": 1}}))[1]["shadow"] == "2"
        assert await index(post) == [("m", "1", "READY", 1.0), ("m", "2", "READY", 0.0)]
        gone = {"parameters": {"version": "2", "unload_dependents": False}}
        assert await post("repository/models/m/unload", gone) == (200, {})
        assert (await post("repository/models/m/route"))[1]["shadow"] is None
        assert shelf.made[1][1].closed and not shelf.made[0][1].closed

    talk(conversation)


def test_a_model_that_was_unloaded_can_be_loaded_again():
    async def conversation(post, shelf):
        assert await post("repository/models/m/unload") == (200, {})
        assert (await post("models/m/infer", INFER))[0] == 404
        assert await index(post) == [("m", None, "UNAVAILABLE", None)]
        assert await index(post, ready=True) == []
        assert await post("repository/models/m/load") == (200, {})
        assert await answering(post) == {"1": 20}

    talk(conversation)


@pytest.mark.parametrize(
    ("path", "body", "status", "why"),
    [
        ("m/load", {"parameters": {"model": "none.py:model"}}, 400, "no file 'none.py'"),
        ("m/load", {"parameters": {"model": "full.py:model"}}, 503, "no room"),
        ("m/load", {"parameters": {"version": "1"}}, 400, "has version '1' already"),
        ("m/load", {"parameters": {"config": "{}"}}, 400, "expected some of"),
        ("m/load", {"parameters": {"version": 2}}, 400, "expected str, got int"),
        ("m/load", {"parameters": []}, 400, "expected dict, got list"),
        ("n/load", {}, 404, 'say with "model" what it is'),
        ("n/unload", {}, 404, "there is no model 'n'"),
        ("m/unload", {"parameters": {"version": "9"}}, 404, "it has ['1']"),
        ("m/unload", {"parameters": {"version": "1"}}, 400, "1 of the requests"),
        ("m/route", {"shares": {"1": 0.5}}, 400, "add up to 1"),
        ("m/route", {"shares": {"1": True}}, 400, "numbers by version"),
        ("m/route", {"shares": {"9": 1}}, 404, "no version '9'"),
        ("m/route", {"shares": {}}, 400, "add up to 1"),
        ("m/route", {"shares": {"1": 1}, "shadow": "9"}, 404, "no version '9'"),
        ("m/route", {"shadow": 1}, 400, "got int"),
        ("m/swap", {}, 404, "nothing to post to"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_everything_is_as_it_was(path, body, status, why):
    async def conversation(post, shelf):
        found, said = await post(f"repository/models/{path}", body)
        assert found == status and why in said["error"]
        assert await index(post) == [("m", "1", "READY", 1.0)]
        assert await answering(post) == {"1": 20}

    talk(conversation)


def test_nobody_may_until_the_operator_says_who():
    async def nobody(post, shelf):
        for path in ("index", "models/m/load", "models/m/unload", "models/m/route", ""):
            status, said = await post(f"repository/{path}")
            assert status == 403 and "--control" in said["error"]

    talk(nobody, token="")

    async def bearers(post, shelf):
        for headers in ({}, {"authorization": "Bearer open"}, {"authorization": "sesame"}):
            for path in ("index", "models/m/load", "models/m/unload", "models/m/route", ""):
                assert (await post(f"repository/{path}", headers=headers))[0] == 401
        assert (await post("models/m/infer", INFER))[0] == 401  # each token for its own
        assert (await post("repository/index"))[0] == 200
        assert len(shelf.made) == 1

    talk(bearers, limits=Limits(token="open"))
    with pytest.raises(ValueError, match="run its code"):
        Control(Repository(Catalogue(), Shelf().make), Limits())


def test_loads_that_come_together_are_made_one_after_the_other():
    async def conversation(post, shelf):
        loads = [post("repository/models/m/load") for _ in range(5)]
        asks = [post("models/m/infer", INFER) for _ in range(50)]
        answers = await asyncio.gather(*loads, *asks)
        assert all(status == 200 for status, _ in answers)
        assert [version.info.version for _, version in shelf.made] == [*"123456"]
        assert [version.closed for _, version in shelf.made] == [True] * 5 + [False]

    talk(conversation)


def test_whoever_answers_answers_with_outputs_of_his_own():
    """A version with other outputs has a share: no request is asked for what it did not ask."""

    async def conversation(post, shelf):
        other = {"parameters": {"model": "other.py:model", "beside": True}}
        await post("repository/models/m/load", other)
        await post("repository/models/m/route", {"shares": {"1": 0.5, "2": 0.5}})
        assert await answering(post, 10) == {"1": 5, "2": 5}
        answers = [
            await post("models/m/infer", INFER | {"outputs": [{"name": "x"}]}) for _ in "1234"
        ]
        assert sorted(status for status, _ in answers) == [200, 200, 400, 400]
        errors = [said["error"] for status, said in answers if status == 400]
        assert "has the outputs ['y'], not 'x'" in errors[0]

    talk(conversation)


# ------------------------------------------------------------ with a real process


@contextmanager
def server() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = int(door.getsockname()[1])
    command = [sys.executable, "-m", "mlsys.serving.server", "--quiet", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--model", f"{HERE}:double"],
        env=os.environ | {"SERVING_CONTROL": "sesame"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        client, deadline = http.InferenceServerClient(f"127.0.0.1:{port}"), time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            try:
                assert client.is_server_ready()
                break
            except OSError:
                time.sleep(0.02)
        client.close()
        yield process, port
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        finally:
            process.kill()


def workers(pid: int) -> int:
    """Processes with a model."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
    return sum(b"spawn_main" in line for line in lines)


@pytest.mark.multiprocess
def test_under_load_no_request_is_dropped_by_a_load_a_route_or_an_unload() -> None:
    """With the protocol's own client for what is the protocol's."""
    stop, seen, wrong = threading.Event(), Counter[str](), []

    def ask(port: int) -> None:
        client = http.InferenceServerClient(f"127.0.0.1:{port}")
        x = np.arange(3, dtype=np.float32)[None]
        given = http.InferInput("x", [1, 3], "FP32").set_data_from_numpy(x)
        while not stop.is_set():
            try:
                answer = client.infer("double", [given])
                seen[answer.get_response()["model_version"]] += 1
                if not np.array_equal(answer.as_numpy("y"), 2 * x):
                    wrong.append(answer.get_response())
            except Exception as error:
                wrong.append(error)
        client.close()

    def load(port: int, path: str, body: object) -> tuple[int, dict[str, str]]:
        url = f"http://127.0.0.1:{port}/v2/repository/models/double/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), BEARING)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    with server() as (process, port), ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask, port)
        try:
            operator = http.InferenceServerClient(f"127.0.0.1:{port}")
            operator.load_model("double", headers=BEARING)
            assert load(port, "load", {"parameters": {"beside": True}})[0] == 200
            shares = {"shares": {"2": 0.5, "3": 0.5}, "shadow": "2"}
            assert load(port, "route", shares)[0] == 200
            for model, why in (("cold", "to warm it up"), ("broken", "no weights here")):
                status, said = load(port, "load", {"parameters": {"model": f"{HERE}:{model}"}})
                assert status == 400 and why in said["error"]
            assert load(port, "route", {"shares": {"3": 1.0}})[0] == 200
            assert load(port, "unload", {"parameters": {"version": "2"}})[0] == 200
            found = operator.get_model_repository_index(headers=BEARING)
            assert [(each["version"], each["share"]) for each in found] == [("3", 1.0)]
            assert workers(process.pid) == 1
            operator.close()
        finally:
            stop.set()
    assert wrong == []
    assert seen.keys() == {"1", "2", "3"}
