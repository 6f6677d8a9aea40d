"""The application as ASGI calls it, on the virtual clock: every request has one answer."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.serving.batching import Batcher, Greedy, QueueLimit
from mlsys.serving.batching.virtual import run_virtual
from mlsys.serving.server.app import App
from mlsys.serving.server.limits import Limits
from mlsys.serving.server.tensors import Info, Spec
from mlsys.serving.server.versions import Catalogue, Endpoint

SECONDS = 0.1
BODY = json.dumps(
    {"inputs": [{"name": "x", "datatype": "FP64", "shape": [1, 2], "data": [1, 2]}]}
).encode()
INFER = "/v2/models/m/infer"


def application(run=None, admission=None, **options):
    spec = (Spec("x", "FP64", (2,)),)

    async def double(items):
        await asyncio.sleep(SECONDS)
        return [{"x": 2 * item["x"]} for item in items]

    async def end():
        pass

    catalogue = Catalogue()
    batcher = Batcher(Greedy(8), run or double, admission=admission)
    catalogue.add(Endpoint(Info("m", "1", "test", spec, spec), batcher, end))
    return App(catalogue, **options)


async def ask(app, method, path, body=b"", headers=(), leaves=None):
    """Status, headers and body of the answer; leaves: seconds after which the client goes."""
    parts = body if isinstance(body, list) else [body]
    sent, messages = [], []
    for number, part in enumerate(parts):
        more = number + 1 < len(parts)
        messages.append({"type": "http.request", "body": part, "more_body": more})

    async def receive():
        if messages:
            return messages.pop(0)
        await asyncio.sleep(1e9 if leaves is None else leaves)
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "path": path, "headers": headers}
    await app(scope, receive, send)
    if not sent:
        return None, {}, b""
    start, content = sent
    assert [each["type"] for each in sent] == ["http.response.start", "http.response.body"]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    assert int(found["content-length"]) == len(content["body"])
    return start["status"], found, content["body"]


def asked(*request, app=None, **options):
    async def main():
        return await ask(app or application(**options), *request)

    return run_virtual(main())


def test_an_inference():
    status, headers, body = asked("POST", INFER, BODY)
    assert status == 200 and headers["content-type"] == "application/json"
    assert json.loads(body)["outputs"][0]["data"] == [2, 4]
    status, _, body = asked("POST", "/v2/models/m/versions/1/infer", [BODY[:20], BODY[20:]])
    assert status == 200 and json.loads(body)["model_version"] == "1"


def test_a_prediction_as_tensorflow_serving_makes_it():
    rows = json.dumps({"instances": [[1, 2], [3, 4]]}).encode()
    for path in ("/v1/models/m:predict", "/v1/models/m/versions/1:predict"):
        status, _, body = asked("POST", path, rows)
        assert status == 200 and json.loads(body) == {"predictions": [[2, 4], [6, 8]]}
    assert asked("POST", "/v1/models/n:predict", rows)[0] == 404
    status, _, body = asked("GET", "/v1/models/m")
    assert status == 200 and b'"AVAILABLE"' in body


def test_binary_outputs_follow_their_header():
    wanted = json.loads(BODY) | {"outputs": [{"name": "x", "parameters": {"binary_data": True}}]}
    status, headers, body = asked("POST", INFER, json.dumps(wanted).encode())
    length = int(headers["inference-header-content-length"])
    assert status == 200 and headers["content-type"] == "application/octet-stream"
    assert np.frombuffer(body[length:]).tolist() == [2, 4]


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("/v2", 200, "binary_tensor_data"),
        ("/v2/health/live", 200, "true"),
        ("/v2/health/ready", 200, "true"),
        ("/v2/models/m", 200, '"shape":[-1,2]'),
        ("/v2/models/m/versions/1", 200, '"versions":["1"]'),
        ("/v2/models/m/ready", 200, "true"),
        ("/v2/models/m/versions/1/ready", 200, "true"),
        ("/metrics", 200, "serving_requests"),
        ("/v2/models/n", 404, "there are ['m']"),
        ("/v2/models/m/versions/9", 404, "it has ['1']"),
        ("/v3", 404, "nothing at /v3"),
        ("/", 200, "<title>Prediction server</title>"),
    ],
)
def test_what_can_be_got(path, status, word):
    found, _, body = asked("GET", path)
    assert found == status and word in body.decode()
    if status == 404:
        assert [*json.loads(body)] == ["error"]


@pytest.mark.parametrize(
    ("request_", "status", "word"),
    [
        (("POST", INFER, b"{}"), 400, "inputs"),
        (("POST", "/v2/models/n/infer", BODY), 404, "there are"),
        (("POST", "/v2/models/m", BODY), 404, "post to"),
        (("PUT", INFER, BODY), 405, "GET or POST"),
        (("POST", INFER, BODY, [("inference-header-content-length", "-3")]), 400, "whole number"),
        (("POST", INFER, BODY, [("request-timeout-ms", "soon")]), 400, "milliseconds"),
        (("POST", INFER, BODY, [("request-timeout-ms", "0")]), 400, "milliseconds"),
        (("POST", INFER, b"x" * 2000), 413, "at most 1,000 bytes"),
        (("POST", INFER, [b"x" * 600] * 4), 413, "at most 1,000 bytes"),
        (("POST", INFER, b"", [("content-length", "9" * 30)]), 413, "at most 1,000 bytes"),
    ],
)
def test_mistakes_are_the_senders(request_, status, word):
    async def main():
        app = application(limits=Limits(body=1000))
        found, _, body = await ask(app, *request_)
        assert found == status and word in json.loads(body)["error"]
        assert (await ask(app, "POST", INFER, BODY))[0] == 200  # and the server stays up

    run_virtual(main())


def test_only_who_has_the_token_is_answered():
    limits = Limits(token="sesame")
    for headers in ([], [("authorization", "Bearer open")], [("authorization", "sesame")]):
        status, answer, _ = asked("POST", INFER, BODY, headers, limits=limits)
        assert status == 401 and answer["www-authenticate"] == "Bearer"
    right = [("authorization", "Bearer sesame")]
    assert asked("POST", INFER, BODY, right, limits=limits)[0] == 200
    assert asked("GET", "/v2/health/live", limits=limits)[0] == 200  # for whoever restarts it


def test_a_fault_of_the_model_is_the_models_and_ours_is_not_told():
    async def broken(items):
        raise RuntimeError("the secret of the house")

    said = []
    status, _, body = asked("POST", INFER, BODY, run=broken, log=said.append)
    assert status == 500 and b"secret" not in body
    assert any("secret" in str(entry.get("fault")) for entry in said)


def test_too_many_are_told_when_to_come_again():
    async def main():
        app = application(admission=QueueLimit(2, retry=1.5))
        answers = await asyncio.gather(*(ask(app, "POST", INFER, BODY) for _ in range(9)))
        refused = [headers for status, headers, _ in answers if status == 429]
        assert len(refused) == 7 and all(each["retry-after"] == "2" for each in refused)
        assert [status for status, _, _ in answers].count(200) == 2

    run_virtual(main())


def test_a_client_that_goes_frees_its_place():
    async def main():
        served = []

        async def slow(items):
            served.append(len(items))
            await asyncio.sleep(10)
            return items

        app = application(run=slow, admission=QueueLimit(1))
        first = asyncio.create_task(ask(app, "POST", INFER, BODY))
        await asyncio.sleep(0.01)
        gone = await ask(app, "POST", INFER, BODY, (), 0.5)  # it waits, and goes
        assert gone == (None, {}, b"")
        assert (await ask(app, "POST", INFER, BODY))[0] == 200  # there was a place
        assert (await first)[0] == 200 and served == [1, 1]

    run_virtual(main())


def test_a_body_that_does_not_come_is_not_waited_for():
    async def main():
        app = application(limits=Limits(seconds=3.0))

        async def receive():
            await asyncio.sleep(2.0)
            return {"type": "http.request", "body": b"x", "more_body": True}

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": INFER, "headers": []}
        await app(scope, receive, send)
        assert sent[0]["status"] == 408

    run_virtual(main())


@given(st.binary(max_size=60), st.text(max_size=20), st.binary(max_size=12))
def test_rubbish_is_a_mistake_and_no_fault(body, path, header):
    async def main():
        app = application()
        for method in ("GET", "POST"):
            status, _, _ = await ask(app, method, f"/v2/models/{path}", body)
            assert 400 <= status < 500 or path in ("m", "m/")
        header_text = header.decode("latin-1")
        headers = [("inference-header-content-length", header_text)]
        status, _, _ = await ask(app, "POST", INFER, body, headers)
        assert status == 400

    run_virtual(main())


def test_every_request_is_logged_and_counted():
    async def main():
        said = []
        app = application(log=said.append)
        for path in ("/v2", "/v3"):
            await ask(app, "GET", path)
        await ask(app, "POST", INFER, BODY)
        assert [(each["path"], each["status"]) for each in said] == [
            ("/v2", 200), ("/v3", 404), (INFER, 200)
        ]  # fmt: skip
        counts = {
            labels["status"]: value
            for labels, value in app.metrics.read("serving_requests_total")
            if labels["model"] == "m"
        }
        assert counts == {"200": 1.0}
        assert app.metrics.read("serving_under_way") == [({}, 0.0)]

    run_virtual(main())
