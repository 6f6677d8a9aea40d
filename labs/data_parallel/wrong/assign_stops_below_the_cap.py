# loses: keeps_to_the_cap
# why: a tensor that just fits is sent on to the next bucket.


def assign_buckets(sizes: Sequence[int], order: Sequence[int], cap: int) -> list[list[int]]:
    buckets: list[list[int]] = []
    load = 0
    for tensor in order:
        if not buckets or load + sizes[tensor] >= cap:
            buckets.append([])
            load = 0
        buckets[-1].append(tensor)
        load += sizes[tensor]
    return buckets
