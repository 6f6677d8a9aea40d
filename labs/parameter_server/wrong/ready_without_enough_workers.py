# loses: never_too_late
# why: a pull that waits for nobody waits for workers that are not there.


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    return sum(clock >= after for clock in clocks) >= needed
