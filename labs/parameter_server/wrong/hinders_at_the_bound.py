# loses: goes_where_it_may
# why: exactly the bound may go.


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    return (unseen != 0) & (np.abs(unseen + update) >= bound)
