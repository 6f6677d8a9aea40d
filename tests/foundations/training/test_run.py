"""A run's state: whatever is in it, a run that is stopped anywhere ends at the same bits."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.training import Checkpoint, CheckpointError, LossScaler, Trainer
from mlsys.foundations.training.run import History

pytest.importorskip("safetensors")
Build = Callable[..., Trainer]
STEPS = 17


@pytest.fixture(scope="module", name="end")
def uninterrupted(build: Build) -> str:
    """The digest of the run that nobody stopped."""
    run = build()
    run.train(STEPS)
    return run.checkpoint().digest()


@given(st.lists(st.integers(0, STEPS), max_size=5), st.integers(1, 9))
def test_any_interruptions_end_at_the_same_bits(
    tmp_path_factory: Any, build: Build, end: str, lives: list[int], every: int
) -> None:
    """Each life takes some steps and dies; those after its last checkpoint are lost."""
    folder = tmp_path_factory.mktemp("run")
    for life in [*lives, STEPS]:
        run = build(folder, save_every=every)
        assert run.resume() % every == 0 or run.steps == STEPS
        run.train(STEPS, lambda left, life=life: islice(left, life))
    assert run.checkpoint().digest() == end


@pytest.mark.parametrize(
    "forgotten",
    ["model", "optimizer", "scaler", "cursor", "steps", "generators", "model.3.rng", "noise"],
)
def test_each_part_of_the_state_matters(build: Build, end: str, forgotten: str) -> None:
    """Restore all but one part: the run must end elsewhere, so no part is saved in vain."""
    half = build()
    half.train(11)
    saved, resumed = half.checkpoint(), build()
    fresh = build().checkpoint()
    arrays = {
        name: fresh.arrays[name] if name.startswith(f"{forgotten}.") else array
        for name, array in saved.arrays.items()
    }
    facts = dict(saved.facts)
    if forgotten in ("cursor", "generators"):
        facts[forgotten] = fresh.facts[forgotten]
    if forgotten in ("model.3.rng", "noise"):
        facts["generators"] = {
            **saved.facts["generators"],
            forgotten: fresh.facts["generators"][forgotten],
        }
    resumed.restore(Checkpoint(0 if forgotten == "steps" else saved.step, arrays, facts))
    resumed.train(STEPS)
    assert resumed.checkpoint().digest() != end


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_every_kind_of_generator_goes_on(build: Build, tmp_path: Path, kind: Any) -> None:
    def make() -> Trainer:
        return build(tmp_path, generators={"extra": np.random.Generator(kind(7))})

    run = make()
    rng = run.generators["extra"]
    rng.standard_normal(1001, np.float32)  # an odd number of half words: one half is kept
    run.save()
    wanted = rng.random(5)
    again = make()
    again.resume()
    np.testing.assert_array_equal(again.generators["extra"].random(5), wanted)


def test_a_checkpoint_of_another_run_changes_nothing(build: Build, tmp_path: Path) -> None:
    run = build(tmp_path)
    run.train(3)
    saved = run.checkpoint()

    def without(name: str) -> dict[str, np.ndarray]:
        return {key: array for key, array in saved.arrays.items() if key != name}

    facts = saved.facts
    cases = {
        "rows was 30 and is now 31": (build(config={"rows": 31}), saved),
        "model.0.weight is missing": (build(), Checkpoint(3, without("model.0.weight"), facts)),
        r"model.0.bias is float32 \(9,\), expected float32 \(8,\)": (
            build(),
            Checkpoint(3, {**saved.arrays, "model.0.bias": np.zeros(9, np.float32)}, facts),
        ),
        "float64": (
            build(),
            Checkpoint(3, {**saved.arrays, "model.0.bias": np.zeros(8)}, facts),
        ),
        "the state of generator model.3.rng is missing": (
            build(),
            Checkpoint(3, saved.arrays, {**facts, "generators": {"noise": {}}}),
        ),
        "seed was 4 and is now 3": (
            build(),
            Checkpoint(3, saved.arrays, {**facts, "cursor": {**facts["cursor"], "seed": 4}}),
        ),
        "scaler.scale is not expected": (build(scaler=None), saved),
    }
    for reason, (other, checkpoint) in cases.items():
        before = other.checkpoint().digest()
        with pytest.raises(CheckpointError, match=reason) as error:
            other.restore(checkpoint)
        assert "saved by another run" in str(error.value)
        assert other.checkpoint().digest() == before


def test_other_settings_are_named_alone(build: Build) -> None:
    """A hundred missing arrays would only hide that it is the wrong folder."""
    wide = build(config={"rows": 31}, scaler=None)
    with pytest.raises(CheckpointError) as error:
        wide.restore(build().checkpoint())
    assert "scaler" not in str(error.value)


def test_what_is_ahead_of_a_scaler_is_kept(build: Build) -> None:
    run = build(scaler=LossScaler(interval=5))
    run.train(STEPS)
    assert {"scaler.scale", "scaler.good_steps"} < set(run.checkpoint().arrays)


@given(
    st.lists(st.tuples(st.floats(), st.floats())),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats())),
)
def test_a_history_survives(steps: Any, evaluations: Any) -> None:
    history = History([a for a, _ in steps], [b for _, b in steps], evaluations)
    again = History()
    again.load_state_dict(history.state_dict())
    np.testing.assert_array_equal(again.loss, history.loss)
    np.testing.assert_array_equal(again.norm, history.norm)
    assert [step for step, _ in again.evaluations] == [step for step, _ in evaluations]
