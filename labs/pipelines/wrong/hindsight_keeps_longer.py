# loses: cheapest_in_hindsight
# why: keeps what has worked for as long as a start, though the order for the next need is enough.


def hindsight(needed: Sequence[int], start: int) -> list[int]:
    steps = range(len(needed))
    return [max(needed[max(0, step - start) : step + start + 1]) for step in steps]
