# loses: never_too_late, keeps_the_gap, bsp_is_serial, survives
# why: at the clock is not enough, it must be past it.


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    return after < 0 or sum(clock > after for clock in clocks) >= needed
