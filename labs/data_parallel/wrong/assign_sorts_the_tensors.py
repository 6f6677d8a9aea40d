# loses: every_tensor_once
# why: the largest first packs tightly, and waits for the last gradient in the first bucket.


def assign_buckets(sizes: Sequence[int], order: Sequence[int], cap: int) -> list[list[int]]:
    buckets: list[list[int]] = []
    for tensor in sorted(order, key=lambda t: -sizes[t]):
        for bucket in buckets:
            if sum(sizes[t] for t in bucket) + sizes[tensor] <= cap:
                bucket.append(tensor)
                break
        else:
            buckets.append([tensor])
    return buckets
