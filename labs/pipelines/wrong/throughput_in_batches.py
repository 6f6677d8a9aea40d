# loses: throughput_is_right, plans_a_pipeline
# why: counts batches a second.


def throughput(curve: Linear, batch: int) -> float:
    return 1 / curve.seconds(batch)
