# loses: p99_in_time, tight_is_served
# why: batches of the loose model that are longer than the tight one can wait.


def _solution_cap(kind: str, models: dict[str, Model]) -> int:
    return 4096
