# loses: never_too_early, never_too_late, keeps_the_gap, bsp_is_serial, survives
# why: does not count the worker that asks, which has come as far as it has come.


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    return after < 0 or sum(clock >= after for clock in clocks) >= needed - 1
