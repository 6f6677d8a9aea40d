# loses: buckets_keep_their_error, percentiles_survive_adversaries
# why: rounding the logarithm down puts a value one bucket too low, and its stand-in below it.


def bucket_of(value: float, error: float) -> int:
    growth = (1 + error) / (1 - error)
    return math.floor(math.log(value) / math.log(growth))
