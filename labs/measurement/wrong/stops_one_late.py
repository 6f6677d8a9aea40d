# loses: percentiles_survive_adversaries
# why: a place that is just reached belongs to the bucket, not to the next one.


def value_at(buckets: Mapping[int, int], place: int, error: float) -> float:
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if place < seen:
            break
    return bucket_value(bucket, error)
