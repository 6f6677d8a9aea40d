# loses: decay_stays_out_of_the_means
# why: the decay passes through both means: this is Adam with L2, not AdamW.


def adamw(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    lr: float,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> None:
    b1, b2 = betas
    g = g + weight_decay * p
    m[...] = b1 * m + (1 - b1) * g
    v[...] = b2 * v + (1 - b2) * g**2
    p -= lr * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps)
