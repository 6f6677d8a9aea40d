# loses: largest_first
# why: takes keys as they come until the room is used up.


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    size = np.abs(unsent)
    worth = np.flatnonzero((size > 0) & ((size >= bound / 2) | hindering))
    return worth[: room // 16]
