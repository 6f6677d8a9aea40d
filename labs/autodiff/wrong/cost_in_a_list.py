# loses: cost_is_a_closed_form
# why: the classes of steps are right, but each step is written down, and a billion do not fit.


def minimal_forward_steps(length: int, slots: int) -> int:
    times, runs = 0, []
    while len(runs) < length:
        runs += [times] * math.comb(slots - 1 + times, times)
        times += 1
    return sum(runs[:length])
