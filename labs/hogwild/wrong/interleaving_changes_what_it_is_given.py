# loses: serial_without_delay, adds_to_the_present
# why: the first vector of the history is the caller's, and is written to.


def interleaved(
    weights: Array,
    examples: Sequence[Example],
    delays: Sequence[int],
    rate: float,
    overwrite: bool = False,
) -> Array:
    history = [weights.copy()]
    for k, ((keys, values, target), delay) in enumerate(zip(examples, delays)):
        old = history[max(0, k - delay)]
        change = rate * (values @ old[keys] - target) * values
        if overwrite:
            weights = old.copy()
        weights[keys] -= change
        history.append(weights.copy())
    return weights
