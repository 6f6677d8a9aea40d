# loses: goes_where_it_may, keeps_the_bound
# why: adds magnitudes, so that an update that takes back waits as well.


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    return (unseen != 0) & (np.abs(unseen) + np.abs(update) > bound)
