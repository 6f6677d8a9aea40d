# loses: sends_what_is_worth_it, largest_first, sends_little
# why: sends whatever is not zero.


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    worth = np.flatnonzero(unsent)
    return np.sort(worth[np.argsort(-np.abs(unsent[worth]), kind="stable")][: room // 16])
