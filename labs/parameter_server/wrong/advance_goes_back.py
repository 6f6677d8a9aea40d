# loses: agrees_with_a_table, few_ranges
# why: takes what comes last for what is newest.


def advance(ranges: Sequence[Range], begin: int, end: int, worker: int, clock: int) -> list[Range]:
    new: list[Range] = []
    for left, right, vector in ranges:
        inside = max(left, begin), min(right, end)
        if inside[0] >= inside[1]:
            _append(new, left, right, vector)
            continue
        later = (*vector[:worker], clock, *vector[worker + 1 :])
        _append(new, left, inside[0], vector)
        _append(new, *inside, later)
        _append(new, inside[1], right, vector)
    return new
