"""The checks of the pipelines lab. Traffic, machines and their bill are on this side; the student's
functions say how many replicas to order, and what follows from that is judged.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from autograder import Score, check, close, typed

from .days import KNOWN, NOISE, burst, shifted, usual
from .machines import least_paid, play, starts, working
from .measured import (
    best_line,
    drawn_graph,
    drawn_pipeline,
    expected_visits,
    measured_sizes,
    noisy,
)
from .replies import listed, sane

CHAPTER = "serving/pipelines"

of_visits = partial(check, task="visits", section=f"{CHAPTER}#how-often-a-stage-is-asked")
of_cost = partial(check, task="cost", section=f"{CHAPTER}#what-a-stage-can-do")
of_hindsight = partial(check, task="hindsight", section=f"{CHAPTER}#a-replica-that-starts-slowly")
of_forecast = partial(check, task="forecast", section=f"{CHAPTER}#a-replica-that-starts-slowly")
of_provision = partial(check, task="provision", section=f"{CHAPTER}#a-replica-that-starts-slowly")


# How often is each stage asked?


@of_visits(
    points=7,
    title="the visits of each stage, for every graph",
    hint="A stage that several edges lead to is visited by way of each of them. One without an "
    "edge into it is visited once by every request, also if it is not the first.",
)
def visits_are_right(student, rng):
    graphs = [(["a", "b", "c"], [["a", "b", 0.5], ["b", "c", 2.0], ["a", "c", 1.0]])]
    graphs += [drawn_graph(rng, int(rng.integers(1, 7))) for _ in range(12)]
    for stages, edges in graphs:
        want, what = expected_visits(stages, edges), f"stages {stages}, edges {edges}"
        got = typed(student.run("often", stages, edges), dict[str, float], what)
        assert got.keys() == want.keys(), f"{what}: expected these stages, got {sorted(got)}"
        for stage in stages:
            close(got[stage], want[stage], rtol=1e-9, what=f"{what}: the visits of {stage}")


# What a stage costs.


def judged_lines(student, measured, wanted, **tolerance):
    found = listed(student.run("lines", measured), len(measured), "the lines")
    for (sizes, seconds), want, got in zip(measured, wanted, found):
        what = f"fitted({np.round(sizes, 4).tolist()}, {np.round(seconds, 5).tolist()})"
        close(sane(typed(got, list[float], what), what), np.array(want), what=what, **tolerance)


@of_cost(
    points=4,
    title="finds a line again that it is given points of",
    hint="fixed first, then each: two numbers. All measured points lie on the line.",
)
def line_is_found(student, rng):
    measured, wanted = [], []
    for _ in range(8):
        sizes, line = measured_sizes(rng), rng.uniform(0.001, 0.05, 2)
        measured.append([sizes, line[0] + line[1] * sizes])
        wanted.append(line)
    judged_lines(student, measured, wanted, rtol=1e-6)


@of_cost(
    points=5,
    title="a tenth too much counts alike for a short batch and a long one",
    hint="Not the seconds of error are to be small, but their shares: divide each equation "
    "fixed + each n = seconds by its seconds before you ask for the least squares.",
    needs="line_is_found",
)
def errors_are_relative(student, rng):
    measured = []
    while len(measured) < 8:
        sizes, seconds = noisy(rng, 0.7)
        if best_line(sizes, seconds)[1]:
            measured.append([sizes, seconds])
    judged_lines(student, measured, [best_line(*each)[0] for each in measured], rtol=1e-5)


@of_cost(
    points=4,
    title="no part is below 0, and then the other is the best alone",
    hint="Setting the negative part to 0 is not enough: the other part was the best beside it, and "
    "not alone. Derive the best single number anew.",
    needs="line_is_found",
)
def no_part_is_negative(student, rng):
    measured, wanted = [], []
    while len(measured) < 12:
        sizes, seconds = noisy(rng, (1.4, -0.3)[len(measured) % 2])
        line, both = best_line(sizes, seconds)
        if not both and min(line) < -1e-6:
            column = (1 if line[1] < 0 else sizes) / seconds
            alone = float(column.sum() / (column @ column))
            measured.append([sizes, seconds])
            wanted.append([alone, 0.0] if line[1] < 0 else [0.0, alone])
    judged_lines(student, measured, wanted, rtol=1e-5, atol=1e-12)


@of_cost(
    points=4,
    title="answers a second, of full batches",
    hint="A batch of n is n answers. See what the class Linear has.",
)
def throughput_is_right(student, rng):
    parts = rng.uniform(0.001, 0.1, (12, 2)).tolist()
    questions = [[fixed, each, int(rng.integers(1, 65))] for fixed, each in parts]
    found = listed(student.run("rates", questions), len(questions), "the rates")
    for (fixed, each, n), got in zip(questions, found):
        what = f"throughput(Linear({fixed:.4f}, {each:.4f}), {n})"
        close(typed(got, float, what), n / (fixed + each * n), rtol=1e-9, what=what)


@of_cost(
    points=5,
    title="as few replicas as will do, and one at least",
    hint="Round up. And if exactly three will do, 0.3 / 0.1 must not make four of them: what is "
    "2.9999999999999996 in one calculation is 3.0000000000000004 in another.",
)
def as_few_as_will_do(student, rng):
    questions, wanted = [], []
    for _ in range(40):
        count, each = int(rng.integers(1, 60)), float(rng.uniform(1, 500))
        load = float(rng.uniform(0.3, 1))
        share = float(rng.uniform(0.01, 0.99))
        questions.append([(count - 1 + share) * each * load, each, load])
        wanted.append(count)
    for count in range(1, 60):
        questions.append([0.1 * count, 0.1, 1.0])
        wanted.append(count)
    questions += [[0.0, 50.0, 0.7], [0.3 * 7, 0.3 / 0.6, 0.6]]
    wanted += [1, 7]
    found = listed(student.run("counts", questions), len(questions), "the counts")
    for (rate, each, load), want, got in zip(questions, wanted, found):
        what = f"replicas_needed({rate!r}, {each!r}, {load!r})"
        sane([typed(got, int, what)], what)
        assert got == want, f"{what}: expected {want}, got {got}"


@of_cost(
    points=8,
    title="a plan for a pipeline, from measurements of its stages",
    hint="This calls all four functions: visits times the rate of requests is what a stage is "
    "asked; what its fitted line can do says how many replicas that takes.",
    needs="as_few_as_will_do",
)
def plans_a_pipeline(student, rng):
    for _ in range(4):
        stages, edges = drawn_pipeline(rng)
        often = expected_visits(stages, edges)
        rate, load = float(rng.uniform(100, 1000)), float(rng.uniform(0.6, 1))
        measured, batch, wanted = {}, {}, {}
        for stage in stages:
            sizes, (fixed, each) = measured_sizes(rng), rng.uniform(0.001, 0.02, 2)
            batch[stage] = int(rng.integers(1, 33))
            able = batch[stage] / (fixed + each * batch[stage])
            replicas = rate * often[stage] / (able * load)
            slower = replicas / (math.ceil(replicas) - 0.5)  # half a replica away from rounding
            measured[stage] = [sizes, (fixed + each * sizes) / slower]
            wanted[stage] = math.ceil(replicas)
        got = student.run("plan", stages, edges, rate, load, measured, batch)
        sane(typed(got, dict[str, int], "the replicas of each stage").values(), "the replicas")
        assert got == wanted, (
            f"{rate:.1f} requests a second, stages {stages}, edges {edges}, at most {load:.2f} of "
            f"what replicas can do: expected {wanted}, got {got}"
        )


# If one had known.


def judged_plans(student, rng, judge):
    questions = [[[1, 1, 1, 4, 1], 1], [[0, 2, 0, 0, 2, 0], 2], [[3], 5]]
    for _ in range(20):
        needed = rng.integers(0, 7, int(rng.integers(1, 25)))
        questions.append([needed.tolist(), int(rng.integers(1, 9))])
    found = listed(student.run("plans", questions), len(questions), "the plans")
    for (needed, start), orders in zip(questions, found):
        what = f"hindsight({needed}, {start})"
        orders = listed(sane(typed(orders, list[int], what), what), len(needed), what)
        judge(needed, start, orders, f"{what} returned {orders}: ")


@of_hindsight(
    points=5,
    title="in no step are there fewer than are needed",
    hint="What works in a step must have been there in all of the `start` steps before it.",
)
def enough_in_hindsight(student, rng):
    def judge(needed, start, orders, what):
        for step, (count, there) in enumerate(zip(needed, working(orders, start))):
            assert there >= count, f"{what}in step {step} {there} work, and {count} are needed"

    judged_plans(student, rng, judge)


@of_hindsight(
    points=5,
    title="and no cheaper orders do that",
    hint="For one replica: in which steps must it be ordered, if it is to work in steps 5 and 9 "
    "and starting takes 3? And in steps 5 and 7?",
    needs="enough_in_hindsight",
)
def cheapest_in_hindsight(student, rng):
    def judge(needed, start, orders, what):
        least = int(least_paid(needed, start).sum())
        assert sum(orders) == least, f"{what}this costs {sum(orders)}, and {least} will do"

    judged_plans(student, rng, judge)


# What will come.


def error(student, traffic):
    """The mean of |forecast - rate| over the mean rate, of what is asked at the given moments."""
    questions = [[days.arrivals[:now], days.day, 2 * days.start] for days, now in traffic]
    found = listed(student.run("forecasts", questions), len(questions), "the forecasts")
    shares = []
    for (days, now), got in zip(traffic, found):
        ahead = 2 * days.start
        what = f"forecast of {ahead} steps after {now}, a day being {days.day}"
        got = listed(sane(typed(got, list[float], what), what), ahead, what)
        rate = days.rate[now : now + ahead]
        shares.append(float(np.abs(np.array(got) - rate).mean() / rate.mean()))
    return float(np.mean(shares))


@of_forecast(
    points=7,
    title="days that are busier or calmer than those before: off by an eighth at most",
    hint="The shape of a day comes from the days before, its height from the last steps. Does your "
    "pattern begin where `past` ends?",
)
def busier_or_calmer(student, rng):
    traffic = [usual(rng, 1.5, busier) for busier in (1.35, 1 / 1.35) * 10]
    moments = [int((KNOWN + rng.uniform(0.5, 1.0)) * days.day) for days in traffic]
    off = error(student, list(zip(traffic, moments)))
    assert off <= 0.12, (
        f"20 questions on days that are a third busier or calmer than those before: expected an "
        f"error of at most 12 % of the rate on average, got {off:.1%}"
    )


@of_forecast(
    points=5,
    title="some steps after traffic has changed for good",
    hint="Yesterday says when people come, not how many: compare the last few steps with the same "
    "steps of earlier days.",
)
def after_shift(student, rng):
    traffic = [shifted(rng, 1.5, float(rng.choice([0.6, 1.7]))) for _ in range(20)]
    off = error(student, [(days, at + int(rng.integers(8, 20))) for days, at in traffic])
    assert off <= 0.15, (
        f"20 questions, 8 to 19 steps after traffic became 0.6 or 1.7 times as large for good: "
        f"expected an error of at most 15 % of the rate on average, got {off:.1%}"
    )


@of_forecast(
    points=5,
    title="a burst of yesterday is not expected today",
    hint="Four days know better than one. A mean believes each a quarter; who is the odd one out?",
)
def after_burst(student, rng):
    traffic = [burst(rng, 2.2, day=3)[:2] for _ in range(20)]
    moments = [begin + days.day + int(rng.integers(-2, 2)) for days, begin in traffic]
    off = error(student, [(days, now) for (days, _), now in zip(traffic, moments)])
    assert off <= 0.16, (
        f"20 questions, one day after a burst of 2.2 times the traffic: expected an error of at "
        f"most 16 % of the rate on average, got {off:.1%}"
    )


# Machines before the traffic.


def two_days(student, rng, noise=NOISE):
    """Traffic that becomes busier than it was on the days before, and such that becomes calmer."""
    return [play(student, usual(rng, 1.0, busier, noise)) for busier in (1.4, 1 / 1.25)]


def mean(numbers):
    return float(np.mean(list(numbers)))


@of_provision(
    points=10,
    title="at most 1.2 % of all requests find no room",
    hint="What you order now works `start` steps later, and what you let go now is missing in all "
    "of them: look at the most of the whole time. A forecast is in the middle of what may come.",
)
def few_turned_away(student, rng):
    played = two_days(student, rng)
    away, times = mean(p.away() for p in played), mean(p.times() for p in played)
    assert times <= 5, f"this costs {times:.1f} times what is needed: so dear it is no art"
    if away > 0.012:
        worst = max(played, key=lambda p: p.away())
        told = f"expected at most 1.2 % turned away, got {away:.2%}: {worst.worst()}"
        return Score(max(0.0, 1 - (away - 0.012) / 0.028), told)
    return None


@of_provision(
    points=10,
    title="at most 1.3 times the cost of who knows the future",
    hint="How much more than the forecast is needed depends on how far traffic strays from it, "
    "which differs from service to service: measure it in `past`.",
)
def cost_is_near_hindsight(student, rng):
    played = two_days(student, rng)
    away, times = mean(p.away() for p in played), mean(p.times() for p in played)
    assert away <= 0.3, f"{away:.0%} are turned away: so cheap it is no art. {played[0].worst()}"
    if times > 1.3:
        told = f"expected at most 1.3 times the cost in hindsight, got {times:.2f} times"
        return Score(max(0.0, 1 - (times - 1.3) / 0.4), told)
    return None


@of_provision(
    points=4,
    title="at most 2.5 starts for each replica by which need rises and falls",
    hint="One step is mostly noise. Must an order that is a replica too large be taken back?",
)
def starts_are_few(student, rng):
    played = two_days(student, rng, noise=(0.06, 0.07))
    away, times = mean(p.away() for p in played), mean(p.times() for p in played)
    assert away <= 0.3 and times <= 1.8, (
        f"{away:.1%} are turned away at {times:.2f} times the cost in hindsight: expected at most "
        f"30 % and 1.8 times, before starts are counted"
    )
    count = sum(starts(p.orders) for p in played)
    rise = sum(int(p.least.max() - p.least.min()) for p in played)
    assert count <= 2.5 * rise, (
        f"on two days what is paid in hindsight rises by {rise} replicas from the least to the "
        f"most: expected at most {2.5 * rise:.0f} starts, got {count}"
    )


@of_provision(
    points=6,
    title="traffic that grows for good is followed within a start and six steps",
    hint="If the first steps are the worst, your forecast takes too long to believe what it sees. "
    "If later ones are, what does it make of a day that is half before and half after the change? "
    "Compare with each earlier day by itself, and then choose among the answers.",
)
def follows_shift(student, rng):
    days, at = shifted(rng, 1.3, float(rng.uniform(1.5, 1.8)))
    played, since = play(student, days), at - days.known + days.start + 6
    away, times = played.away(since), played.times()
    assert away <= 0.02, (
        f"traffic grew in step {at - days.known}: expected at most 2 % turned away from step "
        f"{since} on, got {away:.1%}: {played.worst(since)}"
    )
    assert times <= 1.8, f"expected at most 1.8 times the cost in hindsight, got {times:.2f} times"


@of_provision(
    points=6,
    title="a burst on a steep morning is followed, and not prepared for on the next",
    hint="Within a start and six steps of a burst there should be enough for it. Its end should "
    "be noticed, and a day later it is no habit.",
)
def follows_burst(student, rng):
    days, begin, end = burst(rng, float(rng.uniform(1.5, 1.8)))
    begin, end = begin - days.known, end - days.known
    played, since = play(student, days), begin + days.start + 6
    away = played.away(since, end)
    assert away <= 0.09, (
        f"a burst from step {begin} to {end}: expected at most 9 % turned away from step {since} "
        f"on, got {away:.1%}: {played.worst(since, end)}"
    )
    times = played.times(begin + days.day - days.start, end + days.day)
    assert times <= 1.8, (
        f"a burst from step {begin} to {end}: expected at most 1.8 times the cost in hindsight at "
        f"the same time of the next day, got {times:.2f} times"
    )
