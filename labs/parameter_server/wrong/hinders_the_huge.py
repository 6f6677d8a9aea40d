# loses: goes_where_it_may, keeps_the_bound
# why: an update beyond the bound waits for ever.


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    return np.abs(unseen + update) > bound
