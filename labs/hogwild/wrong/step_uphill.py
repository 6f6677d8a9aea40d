# loses: steps, loses_nothing, touches_little
# why: error the wrong way round: the step goes up the hill.


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    weights[keys] -= rate * (target - values @ weights[keys]) * values
