# keeps: all
# how: a bisection by the library, the best of a table of batches, and what the device has done in a
#   window of time in place of a sum that fades.

from bisect import bisect_right
from functools import partial


def adapted(
    limit: float,
    size: int,
    seconds: float,
    objective: float,
    step: float = 1.0,
    factor: float = 0.9,
    most: int = 4096,
) -> float:
    if seconds <= objective:
        return limit if size < math.floor(limit) else min(limit + step, most)
    return max(min(limit * factor, size * factor), 1)


def largest(latency: Latency, seconds: float, most: int) -> int:
    return bisect_right(range(1, most + 1), seconds, key=latency)


def best_batch(latency: Latency, slack: Sequence[float], most: int) -> tuple[int, int]:
    places = range(len(slack))
    sizes = [largest(latency, slack[place], min(most, len(slack) - place)) for place in places]
    return max(
        ((place, sizes[place]) for place in places),
        key=lambda batch: (batch[1] / latency(batch[1]) if batch[1] else 0.0, -batch[0]),
    )


def next_batch(
    state: dict[Any, Any], now: float, waiting: Sequence[Waiting], models: dict[str, Model]
) -> tuple[list[int], list[int]]:
    done = state.setdefault("done", [])  # when, of which kind, seconds
    window = 1.5 * max(model[2] for model in models.values())
    done[:] = [each for each in done if each[0] > now - window]
    gone, offers = [], []
    for kind, (fixed, each, objective) in models.items():
        patience = min(model[2] for other, model in models.items() if other != kind)
        line = [(number, came + objective) for number, named, came in waiting if named == kind]
        while line and line[0][1] < now + fixed + each:
            gone.append(line.pop(0)[0])
        if not line:
            continue
        most = max(1, math.floor((patience / 2 - fixed) / each))
        curve = partial(lambda a, b, n: a + b * n - 1e-12, fixed, each)
        place, size = best_batch(curve, [deadline - now for _, deadline in line], most)
        seconds = fixed + each * size
        had = sum(spent for _, named, spent in done if named == kind)
        offers.append(
            {
                "kind": kind,
                "passed": [number for number, _ in line[:place]],
                "batch": [number for number, _ in line[place : place + size]],
                "start": line[place][1] - seconds,
                "seconds": seconds,
                "had": had,
            }
        )
    if not offers:
        return [], gone
    offers.sort(key=lambda offer: offer["start"])
    if len(offers) == 2 and offers[1]["start"] < now + offers[0]["seconds"]:
        offers.sort(key=lambda offer: -len(offer["batch"]) / offer["seconds"])
        if offers[1]["had"] < 0.6 * offers[0]["had"]:
            offers.reverse()
    taken = offers[0]
    done.append((now, taken["kind"], taken["seconds"]))
    return taken["batch"], gone + taken["passed"]
