# loses: buckets_keep_their_error, percentiles_survive_adversaries
# why: the upper edge is off by twice the error for a value near the lower one.


def bucket_value(bucket: int, error: float) -> float:
    return float(((1 + error) / (1 - error)) ** bucket)
