# loses: least_of_some
# why: looks only at ranges that lie wholly inside.


def least(ranges: Iterable[Range], begin: int, end: int, places: Sequence[int]) -> list[int]:
    found = [vector for left, right, vector in ranges if begin <= left and right <= end]
    return [min((vector[place] for vector in found), default=-1) for place in places]
