"""The autodiff race before any clock: engines agree on small problems, nonsense is refused."""

from __future__ import annotations

import numpy as np
import pytest
from bench_autodiff import RACE
from command import options
from engines.by_hand import ByHand
from engines.ours import Ours
from engines.problems import CNN, MLP, Attention, Chain, Convolution
from race import agreement

RNG_SEED = 7
SMALL = {
    "operations": lambda rng: Chain.draw(rng, 5),
    "forward": lambda rng: Chain.draw(rng),
    "backward": lambda rng: Chain.draw(rng, 1),
    "mlp": lambda rng: MLP.draw(rng, 4),
    "cnn": lambda rng: CNN.draw(rng, 2),
    "convolution": lambda rng: Convolution.draw(rng, 2, 3, 6, 4),
    "attention": lambda rng: Attention.draw(rng, 2, 5, 8, 2),
}


@pytest.mark.parametrize("method", SMALL)
def test_ours_computes_what_pytorch_computes(method):
    pytest.importorskip("torch")
    from engines.pytorch import PyTorch

    problem = SMALL[method](np.random.default_rng(RNG_SEED))
    ours, theirs = (getattr(engine, method)(problem) for engine in (Ours(), PyTorch()))
    assert agreement(ours.results(), theirs.results(), 1e-3)


def test_ours_computes_what_the_step_by_hand_computes():
    problem = SMALL["mlp"](np.random.default_rng(RNG_SEED))
    assert agreement(Ours().mlp(problem).results(), ByHand().mlp(problem).results(), 1e-4)


def test_results_do_not_depend_on_steps_made_before():
    entry = Ours().mlp(SMALL["mlp"](np.random.default_rng(RNG_SEED)))
    first = {name: array.copy() for name, array in entry.results().items()}
    entry.work()
    assert agreement(entry.results(), first, 1e-9)


def test_every_heat_has_an_entry_of_ours_and_a_name_of_its_own():
    heats = RACE.heats
    assert all(hasattr(Ours, heat.method) for heat in heats)
    assert len({heat.case.case for heat in heats}) == len(heats)


def test_every_peer_of_a_heat_is_present_or_named_as_absent():
    peers, engines = RACE.enter({})
    wanted = {name for heat in RACE.heats for name in heat.targets}
    assert wanted == {peer.peer for peer in peers}
    assert set(engines) == {peer.peer for peer in peers if peer.present}
    assert all(peer.note for peer in peers if not peer.present)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--case", "nowhere"], "no such case"),
        (["--rounds", "1"], "at least 3"),
        (["--minitorch", "no/such/folder"], "is no folder"),
        (["--fast"], "unrecognized"),
    ],
)
def test_nonsense_is_refused_with_a_reason(arguments, reason, capsys):
    with pytest.raises(SystemExit) as stopped:
        options(RACE, arguments)
    assert stopped.value.code == 2
    assert reason in capsys.readouterr().err
