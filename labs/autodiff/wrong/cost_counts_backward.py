# loses: cost_agrees_with_a_search, cost_is_a_closed_form, finds_the_fewest_slots
# why: the step that "backward" runs is counted as a forward step, too.


def minimal_forward_steps(length: int, slots: int) -> int:
    times = 0
    while math.comb(slots + times, slots) < length:
        times += 1
    return (times + 1) * length - math.comb(slots + times, slots + 1)
