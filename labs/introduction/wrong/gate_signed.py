# loses: gate_deploys_the_better
# why: the mean of signed errors lets promises that are too long pay for those too short.


def gate(candidate: Model, incumbent: Model, holdout: Orders) -> Decision:
    if not len(holdout):
        raise ValueError("gate: the holdout has no orders")
    ours, theirs = (
        abs(float((model.predict(holdout) - holdout.minutes).mean()))
        for model in (candidate, incumbent)
    )
    return Decision(ours < theirs, ours, theirs)
