# loses: percentiles_survive_adversaries
# why: buckets come in the order of the samples, not of their size.


def value_at(buckets: Mapping[int, int], place: int, error: float) -> float:
    seen = 0
    for bucket, count in buckets.items():
        seen += count
        if place <= seen:
            return bucket_value(bucket, error)
    raise ValueError("no such place")
