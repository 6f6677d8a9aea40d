# loses: derives_normalize, adds_rows_that_repeat
# why: x reaches y through mean and variance too, and a row through every id that names it.


def normalize_vjp(g: Value, y: Value, x: Value, eps: float, saved: list[Array]) -> Value:
    return g * saved[0]


def add_rows(g: Array, ids: Array, n: int) -> Array:
    out = np.zeros((n, g.shape[-1]))
    out[ids] += g
    return out
