# loses: no_part_is_negative
# why: leaves the other part as it was beside a negative one.


def fitted(sizes: Array, seconds: Array) -> tuple[float, float]:
    columns = np.stack([1 / seconds, sizes / seconds], axis=1)
    fixed, each = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
    return max(0.0, float(fixed)), max(0.0, float(each))
