# loses: rush_ends, goodput
# why: a size set by hand.


def _solution_cap(kind: str, models: dict[str, Model]) -> int:
    return 4
