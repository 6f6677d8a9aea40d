"""Which hardware, batch and replicas of each stage keep the promise at least cost?

With 3 kinds of hardware, 7 sizes of batch and up to 20 replicas a stage has 420 settings, and three
stages 7e7 plans, of which each takes milliseconds to play: too many to try. So begin with a plan
that is fast and dear, and as long as there is one take the cheapest step that keeps the promise: a
replica fewer, a cheaper machine, or a larger batch. Cost: some hundred plans are played. It ends
where no single step is left, which need not be the cheapest plan (InferLine, SoCC 2020, section 4).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from mlsys.serving.pipelines.estimator import estimate, service_time
from mlsys.serving.pipelines.graph import Traffic, visits
from mlsys.serving.pipelines.profiles import (
    Catalogue,
    Setting,
    price,
    replicas_needed,
    throughput,
)

Settings = dict[str, Setting]  # a plan that is being made


@dataclass(frozen=True)
class Objective:
    """``percent`` of all requests are to be answered within ``seconds``."""

    seconds: float
    percent: float = 99.0


@dataclass
class Planner:
    """Plans for traffic that stands for what will come.

    fullest: no stage is asked for more than this share of what it can do. A short sample does not
    show a queue that grows slowly.
    """

    catalogue: Catalogue
    traffic: Traffic
    objective: Objective
    fullest: float = 0.8
    tails: dict[tuple[Setting, ...], float] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        often = visits(self.traffic.graph)
        self.rates = {stage: self.traffic.rate * often[stage] for stage in often}

    def tail(self, plan: Settings) -> float:
        """Seconds within which as many requests are answered as the objective asks for."""
        key = tuple(plan[stage] for stage in self.traffic.graph.stages)
        if key not in self.tails:
            played = estimate(self.traffic, self.catalogue, plan)
            self.tails[key] = played.tail(self.objective.percent)
        return self.tails[key]

    def feasible(self, plan: Settings) -> bool:
        """Does this plan keep the promise on this traffic?"""
        full = any(self._load(stage, setting) > self.fullest for stage, setting in plan.items())
        return not full and self.tail(plan) <= self.objective.seconds

    def start(self) -> Settings:
        """No batches, the fastest hardware; the fullest stage grows until enough are in time.

        Raises ValueError if no number of replicas is enough.
        """
        plan = {stage: self._alone(stage) for stage in self.traffic.graph.stages}
        least = service_time(self.traffic.graph, self.catalogue, plan)
        if least >= self.objective.seconds:
            raise ValueError(
                f"one request alone takes {least:.4g} s on the fastest hardware, and it is to be "
                f"answered within {self.objective.seconds:.4g} s: no plan can do that"
            )
        while not self.feasible(plan):
            stage = max(plan, key=lambda stage: self._load(stage, plan[stage]))
            plan[stage] = replace(plan[stage], replicas=plan[stage].replicas + 1)
        return plan

    def plan(self) -> Settings:
        """From `start`, the cheapest step at a time, until there is none."""
        plan = self.start()
        while (step := self.step(plan)) is not None:
            plan = step
        return plan

    def step(self, plan: Settings) -> Settings | None:
        """The cheapest plan one step away that keeps the promise; None if there is none.

        A larger batch saves nothing by itself, but a replica may become superfluous by it. So it is
        taken only if no other step is left. Of equally cheap plans the fastest is taken.
        """
        steps = [*self._fewer(plan), *self._cheaper(plan)] or [*self._larger(plan)]
        return min(steps, key=lambda p: (price(self.catalogue, p), self.tail(p)), default=None)

    def _fewer(self, plan: Settings) -> Iterator[Settings]:
        """One replica fewer, of each stage that can spare one."""
        for stage, setting in plan.items():
            other = {**plan, stage: replace(setting, replicas=setting.replicas - 1)}
            if setting.replicas > 1 and self.feasible(other):
                yield other

    def _larger(self, plan: Settings) -> Iterator[Settings]:
        """Twice the batch, of each stage that can bear it."""
        for stage, setting in plan.items():
            other = {**plan, stage: replace(setting, batch=2 * setting.batch)}
            most = self.catalogue[stage][setting.hardware].most
            if 2 * setting.batch <= most and self.feasible(other):
                yield other

    def _cheaper(self, plan: Settings) -> Iterator[Settings]:
        """A stage on cheaper machines, for each kind the size of batch that needs fewest of them.

        They are to cost less together than now, and each size is to need fewer than the last.
        """
        for stage, setting in plan.items():
            kinds = self.catalogue[stage]
            now = kinds[setting.hardware].price
            for kind in (kind for kind in kinds if kinds[kind].price < now):
                best = None
                limit = math.ceil(setting.replicas * now / kinds[kind].price) - 1
                for batch in powers_of_two(kinds[kind].most):
                    most = Setting(kind, batch, limit)
                    low = self._least(stage, most)
                    if low <= limit and self.feasible({**plan, stage: most}):
                        best = self._enough(plan, stage, most, low)
                        limit = best.replicas - 1
                if best is not None:
                    yield {**plan, stage: best}

    def _enough(self, plan: Settings, stage: str, setting: Setting, low: int) -> Setting:
        """Fewer replicas, from ``low`` on: by halving, as if fewer were never faster."""

        def with_replicas(count: int) -> Setting:
            return replace(setting, replicas=count)

        def will_do(count: int) -> bool:
            return self.feasible({**plan, stage: with_replicas(count)})

        return with_replicas(fewest(will_do, low, setting.replicas))

    def _alone(self, stage: str) -> Setting:
        kinds = self.catalogue[stage]
        one = Setting(min(kinds, key=lambda kind: kinds[kind].curve.seconds(1)), 1, 1)
        return replace(one, replicas=self._least(stage, one))

    def _least(self, stage: str, setting: Setting) -> int:
        each = throughput(self.catalogue[stage][setting.hardware].curve, setting.batch)
        return replicas_needed(self.rates[stage], each, self.fullest)

    def _load(self, stage: str, setting: Setting) -> float:
        each = throughput(self.catalogue[stage][setting.hardware].curve, setting.batch)
        return self.rates[stage] / (setting.replicas * each)


def powers_of_two(most: int) -> list[int]:
    """Up to ``most``, the largest first.

    >>> powers_of_two(20)
    [16, 8, 4, 2, 1]
    """
    return [1 << exponent for exponent in reversed(range(most.bit_length()))]


def fewest(will_do: Callable[[int], bool], low: int, high: int) -> int:
    """A count from ``low`` to ``high`` that will do, found in log2 questions. ``high`` will do.

    It is the smallest if more never do worse than fewer.

    >>> fewest(lambda count: count >= 5, low=1, high=100)
    5
    """
    while low < high:
        middle = (low + high) // 2
        if will_do(middle):
            high = middle
        else:
            low = middle + 1
    return high
