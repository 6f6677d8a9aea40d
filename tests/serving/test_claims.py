"""What the page of reproductions says is what the command prints, and the shapes have a margin."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mlsys.serving.batching import claims, experiments
from mlsys.serving.batching.experiments import CONVOLUTIONAL, LINEAR, OBJECTIVE
from mlsys.serving.batching.policies import OneByOne
from mlsys.serving.pipelines import claims as pipeline_claims
from mlsys.serving.pipelines import experiments as pipeline_experiments
from mlsys.serving.pipelines import nested
from mlsys.serving.server import claims as server_claims

MODULES = (claims, server_claims, pipeline_claims)
CLAIMS = {name: claim for module in MODULES for name, claim in module.CLAIMS.items()}


@pytest.fixture(scope="module", autouse=True)
def once() -> Iterator[None]:
    """Each experiment runs once."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("gain", "slower_device"):
            patch.setattr(experiments, name, cache(getattr(experiments, name)))
        for name in ("provisioned", "changing"):
            once_only = cache(getattr(pipeline_experiments, name))
            patch.setattr(pipeline_experiments, name, once_only)
        for name in ("shared", "early_exit"):
            patch.setattr(nested, name, cache(getattr(nested, name)))
        yield


def rows(root: Path) -> dict[str, dict[str, str]]:
    """Of the page: those that name one of these commands, by the claim that it is to run."""
    text = (root / "book" / "serving" / "claims.toml").read_text(encoding="utf-8")
    found = {}
    for row in tomllib.loads(text)["claims"]:
        for module in MODULES:
            if row["command"].startswith(f"python -m {module.__name__}"):
                assert row["command"] == f"python -m {module.__name__} {row['id']}"
                found[row["id"]] = row
    return found


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize("name", CLAIMS)
def test_each_number_on_the_page_is_printed(root: Path, name: str) -> None:
    printed = numbers(f"{CLAIMS[name].__doc__} {CLAIMS[name]()}")
    said = numbers(rows(root)[name]["shows"])
    assert said
    assert [
        each for each in said if each not in [pytest.approx(p, rel=0.02) for p in printed]
    ] == []


def test_no_row_names_a_claim_that_is_not_there(root: Path) -> None:
    assert rows(root).keys() == CLAIMS.keys()


@pytest.mark.parametrize("device", [LINEAR, CONVOLUTIONAL])
def test_adaptive_batches_win_what_the_fixed_cost_allows(device: experiments.Linear) -> None:
    found = experiments.gain(device)
    most = (device.fixed + device.each) / device.each
    one_by_one = experiments.saturated(OneByOne(), device, seconds=0.5)
    assert found.one_by_one == pytest.approx(one_by_one.throughput, rel=0.01)
    assert 0.75 * most < found.times < most


def test_adaptive_batches_are_within_a_tenth_of_the_best_fixed_size() -> None:
    for device in (LINEAR, CONVOLUTIONAL):
        found = experiments.gain(device)
        assert device.seconds(found.best_size) <= OBJECTIVE < device.seconds(found.best_size + 1)
        assert found.adaptive > 0.9 * found.best


def test_a_slower_device_is_noticed_in_a_dozen_batches() -> None:
    found = experiments.slower_device()
    before, after = found.best
    assert before == (OBJECTIVE - LINEAR.fixed) / LINEAR.each
    assert after == (OBJECTIVE - 2 * LINEAR.fixed) / (2 * LINEAR.each)
    assert found.settled() < 12 * 2 * OBJECTIVE
    sizes = found.sizes[found.begun > found.change + 1][:-1]  # the last one takes the rest
    assert sizes.max() < after + 1 and sizes.min() > 0.85 * after


def test_stages_that_are_planned_cost_a_fraction_of_whole_copies() -> None:
    """What is planned costs less than copies for the mean, and much less than for the peak."""
    for found in pipeline_experiments.provisioned((0.1, 0.2, 0.4)):
        assert found.planned < 0.8 * found.mean
        assert found.times > 2
        assert found.late[0] < 0.02


def test_the_envelope_is_cheaper_than_the_peak_and_less_late_than_the_rate() -> None:
    low, high, copies, rate, tuned = pipeline_experiments.changing()
    assert low.paid < tuned.paid < 0.8 * high.paid < 0.5 * copies.paid
    assert high.late < 0.01 and tuned.late < 0.03
    assert rate.late > 2.5 * tuned.late and low.late > 0.5
    assert tuned.paid < 1.15 * rate.paid


def test_shared_parameters_are_a_fraction_and_so_is_the_work() -> None:
    found = nested.shared()
    assert found.nbytes[0] > 4 * found.nbytes[1]
    assert found.steps[0] > 3 * found.steps[1]


def test_an_exit_saves_a_third_and_loses_less_than_a_hundredth() -> None:
    found = nested.early_exit()
    alone, cascade, early = found.cost
    assert early < cascade < 0.67 * alone
    assert found.small + 0.03 < found.large - 0.01 < found.accuracy


@pytest.mark.multiprocess
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("adaptive-batching", 0, "26 times"), ("free-lunch", 2, "'tracks-a-change'")],
)
def test_the_command(name: str, code: int, words: str) -> None:
    command = [sys.executable, "-m", claims.__name__, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert done.returncode == code
    assert words in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr
