# loses: agrees_with_a_table, few_ranges, keeps_the_gap, bsp_is_serial, survives
# why: takes end for the first key that is not meant, and takes one more away.


def advance(ranges: Sequence[Range], begin: int, end: int, worker: int, clock: int) -> list[Range]:
    new: list[Range] = []
    for left, right, vector in ranges:
        inside = max(left, begin), min(right, end - 1)
        if inside[0] >= inside[1]:
            _append(new, left, right, vector)
            continue
        later = (*vector[:worker], max(vector[worker], clock), *vector[worker + 1 :])
        _append(new, left, inside[0], vector)
        _append(new, *inside, later)
        _append(new, inside[1], right, vector)
    return new
