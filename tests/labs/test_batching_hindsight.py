"""The batching lab's oracle, judged: its loop by the simulator, its search by all pairs."""

import itertools

import numpy as np
import pytest

from autograder.checks import load_checks
from autograder.lab import PACKAGE_ROOT, load_lab
from mlsys.serving.batching.policy import Decision
from mlsys.serving.batching.simulated import simulate

LAB = load_lab(PACKAGE_ROOT / "labs" / "batching")
GOODPUT = load_checks(LAB)[-1].body.__globals__
mixed, best_in_hindsight = GOODPUT["mixed"], GOODPUT["best_in_hindsight"]
HINDSIGHT = best_in_hindsight.__globals__
SHAPES = [GOODPUT[name] for name in ("day", "bursts", "clumps")]


class TwoSizes:
    """The policy that the oracle's loop says it is, written for the simulator."""

    def __init__(self, models, sizes):
        self.models, self.sizes = models, sizes

    def decide(self, now, waiting):
        drop, offers = [], []
        for kind, (fixed, each, _) in self.models.items():
            line = [request for request in waiting if request.kind == kind]
            while line:
                batch = line[: self.sizes[kind]]
                start = line[0].deadline - (fixed + each * len(batch))
                if start >= now:
                    offers.append((start, batch))
                    break
                drop.append(line.pop(0))
        batch = min(offers, key=lambda offer: offer[0])[1] if offers else []
        return Decision(tuple(batch), tuple(drop))

    def done(self, now, batch, seconds): ...


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
@pytest.mark.parametrize("seed", range(3))
def test_the_loop_does_as_the_simulator(shape, seed):
    rng = np.random.default_rng(seed)
    trace = mixed(rng, shape, 1.2, 2.0)
    sizes = {kind: int(rng.integers(1, 20)) for kind in trace.models}

    def service(batch, now):
        fixed, each, _ = trace.models[batch[0].kind]
        return fixed + each * len(batch)

    policy = TwoSizes(trace.models, sizes)
    outcome = simulate(
        policy, trace.arrivals, service, objective=trace.objectives, kinds=trace.kinds
    )
    late = outcome.finished - outcome.deadline
    assert HINDSIGHT["in_time"](trace, sizes) == np.sum(late <= 1e-9)


def test_the_search_is_close_to_the_best_of_all_pairs():
    for seed, shape in enumerate(SHAPES):
        trace = mixed(np.random.default_rng(seed), shape, 1.1, 2.0)
        found, sizes = best_in_hindsight(trace)
        kinds = list(trace.models)
        everything = max(
            HINDSIGHT["in_time"](trace, dict(zip(kinds, pair)))
            for pair in itertools.product(range(1, 31, 2), repeat=2)
        )
        assert found == HINDSIGHT["in_time"](trace, sizes)
        assert 0.97 * everything <= found
