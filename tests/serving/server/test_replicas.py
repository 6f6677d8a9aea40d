"""Workers that are killed, hang, raise and lie: every request is answered once."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from mlsys.serving.batching import Batcher, Greedy
from mlsys.serving.server.errors import ModelFault, TimedOut
from mlsys.serving.server.models import ModelError
from mlsys.serving.server.replicas import Replicas

pytestmark = pytest.mark.multiprocess
HERE = Path(__file__).parent / "models_here.py"
DIES, HANGS, RAISES, SHORT, WRONG_TYPE, NAN, ONCE = range(901, 908)


def item(first, rows=1):
    x = np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)
    x[:, 0] = first
    return {"x": x}


def served(test, model="double", **options):
    """Run ``test(replicas)`` on workers with a model of models_here.py."""

    async def main():
        replicas = Replicas(f"{HERE}:{model}", **options)
        await replicas.start()
        blocks = [worker.memory.name for worker in replicas._workers]
        try:
            return await asyncio.wait_for(test(replicas), 40)
        finally:
            pids = replicas.pids
            await replicas.close()
            assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
            assert not any(Path(f"/dev/shm/{name}").exists() for name in blocks)

    return asyncio.run(main())


@pytest.mark.parametrize("model", ["double", "itself"])
def test_each_item_gets_its_own_rows(model):
    async def test(replicas):
        items = [item(number, rows) for number, rows in enumerate([1, 5, 2, 3])]
        kept = await replicas.run(items)
        await replicas.run([item(77, 9)])  # overwrites what is shared
        for given, answer in zip(items, kept, strict=True):
            factor = 2 if model == "double" else 1
            np.testing.assert_array_equal(answer["y"], factor * given["x"])

    served(test, model)


def test_what_does_not_fit_into_shared_memory_crosses_all_the_same():
    async def test(replicas):
        items = [item(1, 50), item(2, 70)]
        for given, answer in zip(items, await replicas.run(items), strict=True):
            np.testing.assert_array_equal(answer["y"], 2 * given["x"])

    served(test, room=4096 // 4)


def test_a_mistake_costs_only_its_own_request():
    async def test(replicas):
        items = [item(first) for first in (1, RAISES, 2, NAN, SHORT, 3, WRONG_TYPE)]
        answers = await replicas.run(items)
        for given, answer in zip(items, answers, strict=True):
            first = int(given["x"][0, 0])
            if first > 900:
                assert isinstance(answer, ModelFault)
            else:
                np.testing.assert_array_equal(answer["y"], 2 * given["x"])
        texts = " ".join(str(answer) for answer in answers if isinstance(answer, ModelFault))
        assert "not to my taste" in texts and "NaN" in texts
        assert "expected 1 rows, got 0" in texts and "expected type FP32, got FP64" in texts

    served(test)


def test_a_worker_killed_in_the_midst_of_a_batch_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELS_HERE", str(tmp_path / "died"))

    async def test(replicas):
        before = replicas.pids
        answers = await replicas.run([item(1), item(ONCE), item(2)])
        assert [answer["y"][0, 0] for answer in answers] == [2, 2 * ONCE, 4]
        while replicas.restarts < 1:
            await asyncio.sleep(0.01)
        assert len(replicas.pids) == 2 and replicas.pids != before

    served(test, count=2)


def test_a_batch_that_kills_whoever_answers_it_does_not_kill_for_ever():
    async def test(replicas):
        good, bad = await replicas.run([item(1), item(DIES)])
        assert isinstance(bad, ModelFault) and "have ended" in str(bad)
        np.testing.assert_array_equal(good["y"], 2 * item(1)["x"])

    served(test, count=2)


def test_a_model_that_hangs_is_stopped():
    async def test(replicas):
        answers = await replicas.run([item(1), item(HANGS)])
        assert all(isinstance(answer, TimedOut) for answer in answers)
        (after,) = await replicas.run([item(3)])
        assert after["y"][0, 0] == 6

    served(test, hang=2.0)


def test_killed_from_outside_under_load_every_request_is_answered_once():
    async def test(replicas):
        batcher = Batcher(Greedy(16), replicas.run, devices=2)

        async def kill():
            for _ in range(3):
                await asyncio.sleep(0.15)
                if replicas.pids:
                    os.kill(replicas.pids[0], signal.SIGKILL)

        async def user(number):
            await asyncio.sleep(number * 0.001)
            answer = await batcher.submit(item(number))
            assert answer["y"][0, 0] == 2 * number

        await asyncio.gather(kill(), *(user(number) for number in range(600)))
        assert replicas.restarts >= 1

    served(test, count=2)


@pytest.mark.parametrize(
    ("model", "why"),
    [("broken", "no weights here"), ("nothing", "has no 'nothing'"), ("number", "is no model")],
)
def test_a_model_that_cannot_be_loaded_says_why(model, why):
    with pytest.raises(ModelError, match=why):
        served(None, model)


def test_a_worker_that_takes_the_place_of_another_is_warmed_up_too(tmp_path):
    """The model notes each question; the first of each process is all zeros."""
    path = tmp_path / "noting.py"
    path.write_text(
        "import os, numpy as np\n"
        "from mlsys.serving.server.models import Function\n"
        "from mlsys.serving.server.tensors import Spec\n"
        "def answer(x):\n"
        f"    with open({str(tmp_path / 'noted')!r}, 'a') as file:\n"
        "        print(os.getpid(), float(np.abs(x).sum()), file=file)\n"
        "    return x\n"
        "def model():\n"
        "    return Function(answer, [Spec('x', 'FP32', (3,))], [Spec('y', 'FP32', (3,))])\n"
    )

    async def main():
        replicas = Replicas(f"{path}:model", warm_up=True)
        await replicas.start()
        try:
            os.kill(replicas.pids[0], signal.SIGKILL)
            await asyncio.wait_for(replicas.run([item(1)]), 40)
        finally:
            await replicas.close()

    asyncio.run(main())
    noted = [line.split() for line in (tmp_path / "noted").read_text().splitlines()]
    first = {pid: float(total) for pid, total in reversed(noted)}
    assert len(first) == 2 and set(first.values()) == {0.0}
    assert float(noted[-1][1]) == 4.0  # 1, 1, 2: the question
