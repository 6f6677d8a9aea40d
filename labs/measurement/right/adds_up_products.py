# keeps: all
# how: prices are sums over the layers' matrix products, group by group and expert by expert.


def _product(m, k, n):
    return Cost(2 * m * k * n, k * n, m * n)


def _add(costs):
    return Cost(*(sum(column) for column in zip(*costs, strict=True)))


def grouped_convolution(
    batch, inputs, outputs, height, width, kernel, stride=1, padding=0, groups=1
):
    if inputs % groups or outputs % groups:
        raise ValueError(f"groups={groups}")
    rows = batch * len(range(0, height + 2 * padding - kernel + 1, stride))
    rows *= len(range(0, width + 2 * padding - kernel + 1, stride))
    each = _product(rows, inputs // groups * kernel * kernel, outputs // groups)
    bias = Cost(rows * outputs, outputs, 0)
    return _add([each] * groups + [bias])


def grouped_query_attention(batch, length, width, heads, kv_heads):
    if width % heads or heads % kv_heads:
        raise ValueError(f"heads={heads}, kv_heads={kv_heads}")
    d = width // heads
    rows, pairs = batch * length, batch * heads
    q, k, v, y = (_product(rows, width, n * d) for n in (heads, kv_heads, kv_heads, heads))
    scores, seen = (_product(length, a, b) for a, b in ((d, length), (length, d)))
    softmax = Cost(6 * scores.activations * pairs, 0, scores.activations * pairs)
    products = Cost((scores.flops + seen.flops) * pairs, 0, seen.activations * pairs)
    return _add([q, k, v, y, softmax, products])


def mixture_of_experts(width, hidden, experts, routing):
    tokens = len(routing)
    router = _product(tokens, width, experts)
    costs = [router, Cost(5 * tokens * experts, 0, tokens * (experts + width))]
    for load in np.bincount(np.ravel(routing), minlength=experts).tolist():
        up, down = _product(load, width, hidden), _product(load, hidden, width)
        step = Cost(load * (hidden + 2 * width), 0, load * hidden)
        costs += [up, down, step]
    return _add(costs)


def weights_read(width, hidden, experts, routing):
    return width * (experts + 2 * hidden * len(set(np.ravel(routing).tolist())))
