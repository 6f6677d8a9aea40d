# loses: few_ranges
# why: never merges: in the end there is a range for every key.


def _put(ranges, begin, end, vector):
    if begin < end:
        ranges.append((begin, end, vector))


def advance(ranges: Sequence[Range], begin: int, end: int, worker: int, clock: int) -> list[Range]:
    new: list[Range] = []
    for left, right, vector in ranges:
        inside = max(left, begin), min(right, end)
        if inside[0] >= inside[1]:
            _put(new, left, right, vector)
            continue
        later = (*vector[:worker], max(vector[worker], clock), *vector[worker + 1 :])
        _put(new, left, inside[0], vector)
        _put(new, *inside, later)
        _put(new, inside[1], right, vector)
    return new
