# loses: loses_nothing
# why: the weights it read come back with the change: what others added in between is gone.


def sparse_step(weights: Array, keys: Array, values: Array, target: float, rate: float) -> None:
    old = weights[keys]
    weights[keys] = old - rate * (values @ old - target) * values
