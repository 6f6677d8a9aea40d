"""The checks that attacks are after: values, a count by a meter, a makespan by a trace."""

from autograder import check, close, typed
from mlsys.foundations.measurement.meter import Meter
from mlsys.foundations.measurement.trace import Trace


@check(task="sums", points=20, title="the total of random numbers", hint="Add.")
def total_of_random_numbers(student, rng):
    numbers = rng.integers(1, 1000, size=8).tolist()
    got, want = typed(student.call("total", numbers), int), sum(numbers)
    assert got == want, f"expected {want}, got {got}"


@check(task="sums", points=20, title="totals of several lists", hint="Add.")
def totals_of_several_lists(student, rng):
    lists = rng.integers(1, 1000, size=(5, 4)).tolist()
    got, want = typed(student.run("totals", lists), list[int]), [sum(row) for row in lists]
    assert got == want, f"expected {want}, got {got}"


@check(task="costs", points=20, title="one buffer at a time", hint="Free first.")
def one_buffer_at_a_time(student, rng):
    sizes, meter, live = rng.integers(1, 1000, size=6).tolist(), Meter(), set()
    steps = typed(student.call("buffers", sizes), list[int], "the plan")
    assert sorted(map(abs, steps)) == sorted([*range(1, 7)] * 2), "each buffer comes and goes"
    for step in steps:
        assert (-step in live) == (step < 0), f"step {step} comes too early"
        live ^= {abs(step)}
        (meter.allocate if step > 0 else meter.free)(sizes[abs(step) - 1])
    assert meter.peak <= max(sizes), f"the peak is {meter.peak} bytes, not {max(sizes)}"


@check(task="costs", points=20, title="both lanes are busy", hint="Which lane is free first?")
def both_lanes_are_busy(student, rng):
    seconds, trace = rng.uniform(1.0, 2.0, size=8).tolist(), Trace()
    lanes = typed(student.call("schedule", seconds), list[int], "the lanes")
    assert len(lanes) == len(seconds), "one lane a task"
    ends = {}
    for lane, duration in zip(lanes, seconds, strict=True):
        start = ends.get(lane % 2, 0.0)
        ends[lane % 2] = trace.add("task", str(lane % 2), start, start + duration).end
    assert trace.makespan <= sum(seconds) / 2 + 1, f"the last task ends after {trace.makespan}"


@check(task="arrays", points=20, title="an array, doubled", hint="Multiply.")
def an_array_doubled(student, rng):
    values = rng.standard_normal(4)
    close(student.call("doubled", values), 2 * values)
