# loses: enough_in_hindsight, cheapest_in_hindsight
# why: orders a start ahead, and forgets that an order is missing that is taken back on the way.


def hindsight(needed: Sequence[int], start: int) -> list[int]:
    early = list(needed[start:]) + [0] * min(start, len(needed))
    return [max(a, b) for a, b in zip(needed, early)]
