"""The executor that marks the lab's prices is itself held against PyTorch and known models."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest

from autograder.checks import load_checks
from autograder.lab import load_lab
from autograder.starter import answer_source


@pytest.fixture(scope="module")
def grader(root: Path):
    """The checks module of the lab."""
    return types.SimpleNamespace(
        **load_checks(load_lab(root / "labs/measurement"))[0].body.__globals__
    )


@pytest.fixture(scope="module")
def answer(root: Path):
    """The lab's full answer, as a module."""
    module = types.ModuleType("answer")
    source = answer_source(load_lab(root / "labs/measurement"))
    exec(compile(source, "measurement.py", "exec"), module.__dict__)
    return module


def test_grouped_convolutions_count_as_in_pytorch(grader):
    torch = pytest.importorskip("torch")
    flop_counter = pytest.importorskip("torch.utils.flop_counter")
    rng = np.random.default_rng(1)
    for case in grader._convolutions(rng, 6):
        batch, inputs, outputs, height, width, kernel, stride, padding, groups = case
        run = grader.Run(rng)
        grader.run_convolution(run, *case)
        layer = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
        with torch.no_grad(), flop_counter.FlopCounterMode(display=False) as counter:
            y = layer(torch.ones(batch, inputs, height, width))
        assert run.activations == y.numel()
        assert run.parameters == sum(p.numel() for p in layer.parameters())
        assert run.flops == counter.get_total_flops() + y.numel()  # which leaves the bias out


def test_attention_with_all_heads_of_their_own_holds_what_pytorchs_does(grader):
    torch = pytest.importorskip("torch")
    run = grader.Run(np.random.default_rng(2))
    grader.run_attention(run, 1, 3, 24, 4, 4)
    layer = torch.nn.MultiheadAttention(24, 4, bias=False)
    assert run.parameters == sum(p.numel() for p in layer.parameters())


def test_a_mixture_of_one_expert_is_a_two_layer_network(grader):
    run = grader.Run(np.random.default_rng(3))
    ran = grader.run_mixture(run, 5, 7, 1, np.zeros((4, 1), int))
    assert ran == [2 * 5 * 7] and run.parameters == 5 + 2 * 5 * 7


def test_the_answer_gives_the_cache_of_a_model_of_70_billion_parameters(answer):
    assert answer.cache_bytes(80, 1, 1, 8192, 64, 8) == 327_680
