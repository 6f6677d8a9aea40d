# keeps: all
# how: the queue as a loop over the recursion, the walk as a binary search in running sums.


def rank(count: int, percent: float) -> int:
    place = 1
    while 100 * place < round(percent * count, 6):
        place += 1
    return place


def bucket_of(value: float, error: float) -> int:
    return math.ceil(math.log(value) / (2 * math.atanh(error)))


def bucket_value(bucket: int, error: float) -> float:
    upper = math.exp(2 * bucket * math.atanh(error))
    return upper * (1 - error)


def value_at(buckets: Mapping[int, int], place: int, error: float) -> float:
    order = sorted(buckets.items())
    running = np.cumsum([count for _, count in order])
    return bucket_value(order[int(np.searchsorted(running, place))][0], error)


def finish_times(arrivals: Array, service: Array) -> Array:
    finished, free = [], 0.0
    for arrival, seconds in zip(arrivals, service, strict=True):
        free = max(arrival, free) + seconds
        finished.append(free)
    return np.array(finished)
