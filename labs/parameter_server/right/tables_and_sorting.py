# keeps: all
# how: a vector for each key and then its runs; numbers counted up; a search in sorted clocks;
#   messages as lists; choice by lexsort.

from itertools import groupby


def advance(ranges: Sequence[Range], begin: int, end: int, worker: int, clock: int) -> list[Range]:
    keys = [(key, vector) for left, right, vector in ranges for key in range(left, right)]
    after = []
    for key, vector in keys:
        new = list(vector)
        if begin <= key < end and new[worker] < clock:
            new[worker] = clock
        after.append((key, tuple(new)))
    runs = [list(run) for _, run in groupby(after, key=lambda pair: pair[1])]
    return [(run[0][0], run[-1][0] + 1, run[0][1]) for run in runs]


def least(ranges: Iterable[Range], begin: int, end: int, places: Sequence[int]) -> list[int]:
    lowest: dict[int, int] = {}
    for left, right, vector in ranges:
        if max(left, begin) < min(right, end):
            for place in places:
                lowest[place] = min(lowest.get(place, vector[place]), vector[place])
    return [lowest[place] for place in places]


def in_order(applied: int, held: dict[int, T], sequence: int, item: T) -> tuple[int, list[T]]:
    if sequence <= applied or sequence in held:
        return applied, []
    if sequence != applied + 1:
        held[sequence] = item
        return applied, []
    due = [item]
    while (applied + len(due) + 1) in held:
        due.append(held.pop(applied + len(due) + 1))
    return applied + len(due), due


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    return after < 0 or sorted(clocks, reverse=True)[needed - 1] >= after


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    inside = (-bound <= unseen + update) & (unseen + update <= bound)
    return ~(inside | (unseen == 0))


def unseen(unsent: Array, flying: Sequence[Message]) -> Array:
    total = np.array(unsent)
    for message in reversed(flying):
        np.add.at(total, message[1], message[2])
    return total


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    after = []
    for each, keys, values, missing in flying:
        left = set(missing) - ({who} if each <= number else set())
        if left:
            after.append([each, keys.copy(), values.copy(), sorted(left, reverse=True)])
    return after  # type: ignore[return-value]


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    chosen: list[int] = []
    for key in np.lexsort((np.arange(unsent.size), -np.abs(unsent))).tolist():
        large = 2 * abs(unsent[key]) >= bound
        if unsent[key] and (large or hindering[key]) and 16 * (len(chosen) + 1) <= room:
            chosen.append(key)
    return np.array(sorted(chosen), np.int64)
