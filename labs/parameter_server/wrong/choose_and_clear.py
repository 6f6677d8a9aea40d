# loses: sends_what_is_worth_it, largest_first
# why: crosses off what it chooses, which the caller was about to read.


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    size = np.abs(unsent)
    worth = np.flatnonzero((size > 0) & ((size >= bound / 2) | hindering))
    keys = np.sort(worth[np.argsort(-size[worth], kind="stable")][: room // 16])
    unsent[keys] = 0
    return keys
