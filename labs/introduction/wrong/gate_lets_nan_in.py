# loses: gate_is_careful
# why: "unless it is worse" is true of NaN, which is neither better nor worse.


def gate(candidate: Model, incumbent: Model, holdout: Orders) -> Decision:
    if not len(holdout):
        raise ValueError("gate: the holdout has no orders")
    ours, theirs = mean_error(candidate, holdout), mean_error(incumbent, holdout)
    return Decision(not ours >= theirs, ours, theirs)
