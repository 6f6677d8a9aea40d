# loses: sends_what_is_worth_it, largest_first, keeps_the_bound
# why: what is in the way is too small to be sent, and so it stays in the way.


def worth_sending(unsent: Array, hindering: Array, bound: float, room: int) -> Array:
    size = np.abs(unsent)
    worth = np.flatnonzero((size > 0) & (size >= bound / 2))
    return np.sort(worth[np.argsort(-size[worth], kind="stable")][: room // 16])
