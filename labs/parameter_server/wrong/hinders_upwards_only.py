# loses: waits_where_it_must, keeps_the_bound
# why: a sum far below zero is no less unseen.


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    return (unseen != 0) & (unseen + update > bound)
