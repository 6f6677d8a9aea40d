# loses: waits_where_it_must, goes_where_it_may, keeps_the_bound, sends_little, sooner_than_bsp
# why: waits until everything is seen: BSP with other words.


def hinders(unseen: Array, update: Array, bound: float) -> Array:
    return unseen != 0
