# keeps: all
# how: visits pushed forward along edges; a fit by the normal equations; hindsight replica by
#   replica; forecasts from lists, with a mean of the two middle days; a margin from the errors of
#   yesterday, and a lull that has to last before anything is taken away.

import statistics


def visits(graph: Graph) -> dict[str, float]:
    targets = {edge.target for edge in graph.edges}
    found = {stage: float(stage not in targets) for stage in graph.stages}
    for stage in graph.stages:
        for edge in graph.edges:
            if edge.source == stage:
                found[edge.target] += found[stage] * edge.factor
    return found


def fitted(sizes: Array, seconds: Array) -> tuple[float, float]:
    w = 1 / seconds**2
    a, b, c = w.sum(), (w * sizes).sum(), (w * sizes**2).sum()
    p, q = (w * seconds).sum(), (w * sizes * seconds).sum()
    fixed, each = (c * p - b * q) / (a * c - b * b), (a * q - b * p) / (a * c - b * b)
    if fixed < 0:
        return 0.0, float(q / c)
    return (float(fixed), float(each)) if each >= 0 else (float(p / a), 0.0)


def throughput(curve: Linear, batch: int) -> float:
    return batch / (curve.fixed + curve.each * batch)


def replicas_needed(rate: float, each: float, load: float = 1.0) -> int:
    count = max(1, math.floor(rate / (each * load)))
    return count if count * each * load >= rate * (1 - 1e-9) else count + 1


def hindsight(needed: Sequence[int], start: int) -> list[int]:
    orders = [0] * len(needed)
    for step, count in enumerate(needed):
        for before in range(max(0, step - start), step + 1):
            orders[before] = max(orders[before], count)
    return orders


def _level(new: list[float], old: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(new, old))


def forecast(past: Array, day: int, ahead: int) -> Array:
    counts = past[-3 * day - 5 :].tolist()
    today, guesses = counts[-5:], []
    for back in (day, 2 * day, 3 * day):
        now = len(counts) - back
        level = _level(today, counts[now - 5 : now])
        guesses.append([level * each for each in counts[now : now + ahead]])
    return np.array([statistics.median(each) for each in zip(*guesses)])


def _strays(past: Array, day: int) -> float:
    ratios = past[-day:] / past[-2 * day : -day]
    around = np.convolve(ratios, np.ones(5) / 5, "valid")
    return float(np.sqrt(np.median((ratios[2:-2] / around - 1) ** 2)) / 0.6745 / 1.41 / 0.9)


def provision(past: Array, ordered: int, day: int, start: int, each: float) -> int:
    spare = 1 + 2.2 * _strays(past, day)
    count = max(1, math.ceil(spare * forecast(past, day, start + 1).max() / each))
    if count < ordered:
        before = spare * forecast(past[:-1], day, start + 1).max()
        count = min(ordered, max(count, math.ceil(before / each)))
    return count
