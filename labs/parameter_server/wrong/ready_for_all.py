# loses: never_too_late, keeps_the_gap
# why: one worker that is late is waited for, whatever was asked.


def ready(clocks: Sequence[int], after: int, needed: int) -> bool:
    return after < 0 or min(clocks) >= after
