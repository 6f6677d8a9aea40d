"""The roof is where two straight lines meet, and a machine is measured by its clock alone."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsys.foundations.measurement.cost import cost
from mlsys.foundations.measurement.operators import Linear
from mlsys.foundations.measurement.roofline import Bound, Machine, measure_machine

rates = st.floats(1e6, 1e15)
machines = st.builds(Machine, rates, rates)
intensities = st.floats(0, 1e6)


@given(machines, intensities)
def test_the_roof_is_the_lower_of_the_two_and_says_which(machine, intensity):
    roof = machine.attainable(intensity)
    assert roof <= machine.peak and roof <= intensity * machine.bandwidth
    assert roof in (machine.peak, intensity * machine.bandwidth)
    faster_memory = Machine(machine.peak, machine.bandwidth * 2)
    helps = faster_memory.attainable(intensity) > roof
    if intensity:
        assert helps == (machine.classify(intensity) is Bound.MEMORY)


@given(machines)
def test_the_two_lines_meet_at_the_ridge(machine):
    assert machine.ridge * machine.bandwidth == pytest.approx(machine.peak)
    assert machine.classify(machine.ridge) is Bound.COMPUTE


@given(machines, st.floats(1, 1e12), st.floats(1, 1e12))
def test_the_least_time_is_that_of_the_roof(machine, flops, moved):
    assert flops / machine.seconds(flops, moved) == pytest.approx(machine.attainable(flops / moved))


def test_a_linear_layer_crosses_the_ridge_as_its_batch_grows():
    machine = Machine(peak=100e9, bandwidth=20e9)
    bounds = [machine.classify(cost(Linear(rows, 512, 512)).intensity) for rows in (1, 4, 64, 512)]
    assert bounds == [Bound.MEMORY, Bound.MEMORY, Bound.COMPUTE, Bound.COMPUTE]


def test_a_machine_is_measured_with_the_clock_it_is_given():
    ticks = itertools.count()
    machine = measure_machine("slow", side=8, elements=100, clock=lambda: float(next(ticks)))
    assert machine == Machine(peak=2 * 8**3, bandwidth=3 * 4 * 100, name="slow")


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_a_machine_without_speed_is_refused(rate):
    with pytest.raises(ValueError, match=r"bandwidth.*measure_machine"):
        Machine(peak=1.0, bandwidth=rate)
    with pytest.raises(ValueError, match="peak"):
        Machine(peak=rate, bandwidth=1.0)


@pytest.mark.parametrize("intensity", [-1.0, math.nan, math.inf])
def test_an_impossible_intensity_is_refused(intensity):
    for ask in (Machine(1.0, 1.0).attainable, Machine(1.0, 1.0).classify):
        with pytest.raises(ValueError, match="FLOPs per byte"):
            ask(intensity)
