# loses: sums_what_is_unseen, keeps_the_bound
# why: what was not sent is not seen either.


def unseen(unsent: Array, flying: Sequence[Message]) -> Array:
    total = np.zeros_like(unsent)
    for _, keys, values, _ in flying:
        total[keys] += values
    return total
