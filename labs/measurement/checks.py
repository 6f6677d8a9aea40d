"""The checks of the measurement lab.

Percentiles are compared with NumPy's, queues with the recursion, and prices with an
executor: layers written in plain NumPy on arrays that count what is done to them.
"""

from __future__ import annotations

import numpy as np

from autograder import Wrong, check, close, typed

from .executor import Run, run_attention, run_convolution, run_mixture

MANY = 10**6  # times the batch: too many to run, and exactly so many times the price


# Percentiles.


@check(
    task="percentiles",
    points=6,
    title="rank finds the place of a percentile",
    hint="The smallest place r with r / count >= percent / 100, and never less than the first. "
    "Multiply before you divide: 0.55 * 100 is a little more than 55.",
    section="foundations/measurement#the-times-of-many-calls",
)
def rank_is_the_smallest_place(student, rng):
    for count, percent in [(1, 0), (10, 0), (10, 10), (10, 11), (100, 55), (1000, 99.9), (7, 100)]:
        want = {(1, 0): 1, (10, 0): 1, (10, 10): 1, (10, 11): 2, (100, 55): 55, (1000, 99.9): 999}
        _same_rank(student, count, percent, want.get((count, percent), count))
    for _ in range(20):
        count, percent = int(rng.integers(1, 10_000)), int(rng.integers(0, 101))
        _same_rank(student, count, percent, max(1, -(-percent * count // 100)))


def _same_rank(student, count, percent, want):
    got = typed(student.call("rank", count, percent), int, "rank")
    if got != want:
        raise Wrong(f"rank({count}, {percent}) should be {want}, got {got}")


@check(
    task="percentiles",
    points=10,
    title="a bucket's value is within the error of all that falls into it",
    hint="Bucket i ends at g^i, which belongs to it, and begins after g^(i-1). Its value must be "
    "as far, relatively, from one end as from the other.",
    section="foundations/measurement#percentiles-that-merge",
)
def buckets_keep_their_error(student, rng):
    errors = rng.choice([0.001, 0.01, 0.05, 0.3], 300)
    growth = (1 + errors) / (1 - errors)
    inside = rng.uniform(0.01, 0.99, 300) * rng.choice([0, 1], 300) + rng.uniform(1e-3, 1e-2)
    index = rng.integers(-20, 20, 300)
    values = growth ** (index - inside.clip(0.001, 0.999))  # some near the upper end
    reply = student.run("bucket_ends", values, errors)
    buckets, stand_ins = _two_lists(reply, 300)
    for n, (value, error) in enumerate(zip(values, errors, strict=True)):
        where = f"value {value:.6g} with error {error}"
        if buckets[n] != index[n]:
            raise Wrong(f"{where}: expected bucket {index[n]}, got {buckets[n]}")
        off = abs(stand_ins[n] - value) / value
        if not off <= error * (1 + 1e-9):
            raise Wrong(f"{where}: bucket_value gives {stand_ins[n]:.6g}, off by {off:.2%}")


def _two_lists(reply, size):
    if type(reply) is not list or len(reply) != 2:
        raise Wrong(f"expected buckets and their values, got {reply!r:.60}")
    buckets = typed(reply[0], list[int], "the buckets")
    values = typed(reply[1], list[float], "the values of the buckets")
    if not len(buckets) == len(values) == size:
        raise Wrong(f"expected {size} buckets and values, got {len(buckets)} and {len(values)}")
    return buckets, values


@check(
    task="percentiles",
    points=14,
    title="percentiles of adversarial traces are within the error of the true ones",
    hint="Walk the buckets from the smallest, whatever order they come in, and stop when the "
    "place has been passed or reached.",
    section="foundations/measurement#percentiles-that-merge",
)
def percentiles_survive_adversaries(student, rng):
    percents, error = [0, 1, 25, 50, 75, 90, 99, 99.9, 100], float(rng.choice([0.01, 0.03]))
    for name, trace in _traces(rng).items():
        places = [max(1, -(-int(10 * p) * len(trace) // 1000)) for p in percents]
        reply = student.run("values_at", trace, places, error)
        got = typed(reply, list[float], "the percentiles")
        true = np.sort(trace)[np.array(places) - 1]
        close(got, true, rtol=error * (1 + 1e-9), what=f"percentiles {percents} of {name}")


def _traces(rng):
    """Traces on which estimators fail: ties, far outliers, falling order, wide ranges."""
    n = int(rng.integers(200, 800))
    fast = rng.lognormal(-7, 0.3, n)
    return {
        "one sample": rng.uniform(1e-6, 1e3, 1),
        "a constant trace": np.full(n, rng.uniform(1e-3, 1.0)),
        "one outlier in many": np.append(np.full(n, 1e-3), 1e3),
        "two far clusters": rng.permutation(np.concatenate([fast, 1e6 * fast[: n // 10]])),
        "a falling trace": np.sort(rng.pareto(1.1, n) + 1e-6)[::-1],
        "twelve orders of magnitude": 10 ** rng.uniform(-6, 6, n),
        "a stall every hundred": np.where(np.arange(n) % 100 == 7, 2.0, 1e-3) * rng.uniform(1, 2),
    }


# The queue.


@check(
    task="queue",
    points=10,
    title="each request is finished when the recursion says",
    hint="f_n = max(a_n, f_(n-1)) + s_n. The server may be idle before the first request, and "
    "again in between; the sum of all service times knows nothing of that.",
    section="foundations/measurement#who-holds-the-stopwatch",
)
def requests_finish_in_turn(student, rng):
    for load in (0.1, 0.7, 1.0, 3.0):
        for n in (1, int(rng.integers(2, 2000))):
            arrivals = np.cumsum(rng.exponential(1 / load, n)) + rng.uniform(0, 20)
            service = rng.exponential(1.0, n)
            service[rng.integers(n)] += 50.0  # a stall
            got = student.call("finish_times", arrivals, service)
            want, free = np.empty(n), 0.0
            for i in range(n):
                want[i] = free = max(arrivals[i], free) + service[i]
            close(got, want, rtol=1e-9, what=f"finish times of {n} requests at load {load}")


# The executor: what a layer does, done, and counted while it is done.


def _price(student, layer, arguments):
    reply = student.run("price", layer, *arguments)
    price = typed(reply, list[int], f"the cost of {layer}")
    if len(price) != 3:
        raise Wrong(f"{layer} should return a Cost of three numbers, got {len(price)}")
    return dict(zip(("flops", "parameters", "activations"), price, strict=True))


def _same(got, want, what, layer, names, arguments):
    if got != want:
        told = ", ".join(f"{name}={value}" for name, value in zip(names, arguments, strict=True))
        raise Wrong(f"{what} of {layer}({told}): the executor counted {want}, got {got}")


# Grouped convolutions.

CONVOLUTION = ("batch", "inputs", "outputs", "height", "width", "kernel", "stride", "padding",
               "groups")  # fmt: skip


def _convolutions(rng, count):
    for turn in range(count):
        groups = int(rng.integers(1, 5))
        inputs, outputs = (groups * int(n) for n in rng.integers(1, 5, 2))
        if turn == 0:  # depthwise: every channel is a group
            groups, outputs = inputs, inputs * 2
        sizes = [int(n) for n in (*rng.integers(3, 10, 2), *rng.integers([1, 1, 0], [4, 4, 3]))]
        yield int(rng.integers(1, 4)), inputs, outputs, *sizes, groups


@check(
    task="convolution",
    points=10,
    title="FLOPs of grouped convolutions are those the executor counts",
    hint="How many input channels does one output element see? Do not forget its bias.",
    section="foundations/measurement#what-an-operator-costs",
)
def convolution_flops(student, rng):
    for case in _convolutions(rng, 12):
        run = Run(rng)
        run_convolution(run, *case)
        for times in (1, MANY):
            scaled = (case[0] * times, *case[1:])
            got = _price(student, "grouped_convolution", scaled)["flops"]
            _same(got, run.flops * times, "FLOPs", "grouped_convolution", CONVOLUTION, scaled)


@check(
    task="convolution",
    points=8,
    title="parameters and activations of grouped convolutions; groups that do not divide",
    hint="Groups share no weights, and hold fewer in all. 3 groups cannot cut 4 channels.",
    section="foundations/measurement#what-an-operator-costs",
)
def convolution_memory(student, rng):
    for case in _convolutions(rng, 12):
        run = Run(rng)
        run_convolution(run, *case)
        got = _price(student, "grouped_convolution", case)
        for what in ("parameters", "activations"):
            want = getattr(run, what)
            _same(got[what], want, what, "grouped_convolution", CONVOLUTION, case)
    for inputs, outputs in ((4, 6), (6, 4)):
        _refused(student, "grouped_convolution", (1, inputs, outputs, 5, 5, 3, 1, 0, 3))


def _refused(student, layer, arguments):
    kind, _ = student.run_raises("price", layer, *arguments)
    if kind != "ValueError":
        came = f"it raised {kind}" if kind else "it returned"
        raise Wrong(f"{layer}{arguments} should raise ValueError, {came}")


# Attention with shared keys and values.

ATTENTION = ("batch", "length", "width", "heads", "kv_heads")


def _attentions(rng, count):
    for turn in range(count):
        kv_heads, share, d = (int(n) for n in rng.integers(1, 5, 3))
        if turn == 0:  # one key and value for all heads
            kv_heads, share = 1, 4
        heads = kv_heads * share
        yield int(rng.integers(1, 4)), int(rng.integers(1, 12)), heads * d, heads, kv_heads


@check(
    task="attention",
    points=10,
    title="FLOPs of grouped-query attention are those the executor counts",
    hint="Sharing makes two projections smaller. Does it make the table of scores smaller?",
    section="foundations/measurement#what-an-operator-costs",
)
def attention_flops(student, rng):
    for case in _attentions(rng, 12):
        run = Run(rng)
        run_attention(run, *case)
        for times in (1, MANY):
            scaled = (case[0] * times, *case[1:])
            got = _price(student, "grouped_query_attention", scaled)["flops"]
            _same(got, run.flops * times, "FLOPs", "grouped_query_attention", ATTENTION, scaled)


@check(
    task="attention",
    points=6,
    title="parameters and activations of grouped-query attention; heads that do not divide",
    hint="The docstring says which results are kept. Four projections, two of them smaller.",
    section="foundations/measurement#what-an-operator-costs",
)
def attention_memory(student, rng):
    for case in _attentions(rng, 12):
        run = Run(rng)
        run_attention(run, *case)
        got = _price(student, "grouped_query_attention", case)
        for what in ("parameters", "activations"):
            want = getattr(run, what)
            _same(got[what], want, what, "grouped_query_attention", ATTENTION, case)
    _refused(student, "grouped_query_attention", (1, 4, 10, 4, 2))
    _refused(student, "grouped_query_attention", (1, 4, 12, 4, 3))


@check(
    task="attention",
    points=6,
    title="bytes of the cache of keys and values",
    hint="Per layer and token: a key and a value for each head that has its own.",
    section="foundations/measurement#what-an-operator-costs",
)
def cache_holds_keys_and_values(student, rng):
    for case in _attentions(rng, 12):
        batch, length, width, heads, kv_heads = case
        layers, kind = int(rng.integers(1, 6)), rng.choice(["float16", "float32"])
        cache = np.zeros((layers, 2, batch, kv_heads, length, width // heads), kind)
        arguments = (layers, *case, cache.itemsize)
        names = ("layers", *ATTENTION, "itemsize")
        got = typed(student.call("cache_bytes", *arguments), int, "cache_bytes")
        if got != cache.nbytes:
            told = ", ".join(f"{a}={b}" for a, b in zip(names, arguments, strict=True))
            raise Wrong(f"cache_bytes({told}): such arrays have {cache.nbytes} bytes, got {got}")


# Mixtures of experts.

MIXTURE = ("width", "hidden", "experts", "chosen", "tokens")


def _mixtures(rng, count):
    for turn in range(count):
        experts, tokens = int(rng.integers(2, 9)), int(rng.integers(1, 24))
        chosen = int(rng.integers(1, experts + 1)) if turn else 1
        favourites = rng.random(experts) ** 4  # some experts are chosen by all, some by none
        scores = favourites + 0.1 * rng.random((tokens, experts))
        routing = np.ascontiguousarray(np.argsort(-scores, axis=1)[:, :chosen])
        yield (*(int(n) for n in rng.integers(1, 9, 2)), experts, routing)


def _told(case):
    width, hidden, experts, routing = case
    return width, hidden, experts, routing.shape[1], routing.shape[0]


@check(
    task="mixture",
    points=10,
    title="FLOPs of mixtures of experts are those the executor counts",
    hint="The router sees every token and every expert; an expert sees only its own tokens. "
    "The sum of the results costs two FLOPs per element and use.",
    section="foundations/measurement#what-an-operator-costs",
)
def mixture_flops(student, rng):
    for case in _mixtures(rng, 12):
        run = Run(rng)
        run_mixture(run, *case)
        for times in (1, 500):
            scaled = (*case[:3], np.tile(case[3], (times, 1)))
            got = _price(student, "mixture_of_experts", scaled)["flops"]
            want = run.flops * times
            _same(got, want, "FLOPs", "mixture_of_experts", MIXTURE, _told(scaled))


@check(
    task="mixture",
    points=4,
    title="parameters and activations of mixtures of experts",
    hint="All experts are held, used or not; results exist for those that are used.",
    section="foundations/measurement#what-an-operator-costs",
)
def mixture_memory(student, rng):
    for case in _mixtures(rng, 12):
        run = Run(rng)
        run_mixture(run, *case)
        got = _price(student, "mixture_of_experts", case)
        for what in ("parameters", "activations"):
            _same(got[what], getattr(run, what), what, "mixture_of_experts", MIXTURE, _told(case))


@check(
    task="mixture",
    points=6,
    title="weights that a mixture must read",
    hint="Several tokens can share one reading of an expert. The router is always read.",
    section="foundations/measurement#the-roofline",
)
def mixture_reads_what_is_used(student, rng):
    for case in _mixtures(rng, 20):
        want = case[0] * case[2] + sum(run_mixture(Run(rng), *case))
        got = typed(student.call("weights_read", *case), int, "weights_read")
        _same(got, want, "weights read", "mixture_of_experts", MIXTURE, _told(case))
