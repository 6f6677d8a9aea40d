# loses: as_few_as_will_do, plans_a_pipeline
# why: buys another replica for the sixteenth digit.


def replicas_needed(rate: float, each: float, load: float = 1.0) -> int:
    return max(1, math.ceil(rate / (each * load)))
