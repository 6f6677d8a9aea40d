# loses: rush_ends
# why: when many wait, it has no time to look for whom to pass over.


def _solution_plan(now: float, line: list[Waiting], model: Model, cap: int) -> _solution_Plan:
    fixed, each, objective = model
    numbers = [number for number, _, _ in line]
    slack = [arrived + objective - now for _, _, arrived in line]
    hopeless = sum(seconds < fixed + each for seconds in slack)
    first, size, rate = hopeless, 0, 0.0
    for begin in range(hopeless, len(line) if len(line) <= 70 else min(len(line), hopeless + 1)):
        left = min(cap, len(line) - begin)
        fits = min(left, max(1, int((slack[begin] - fixed) / each + 1e-9)))
        if fits / (fixed + each * fits) > rate:
            first, size, rate = begin, fits, fits / (fixed + each * fits)
        if fits == left:
            break
    seconds = fixed + each * size
    start = now + slack[first] - seconds if size else math.inf
    batch, passed = numbers[first : first + size], numbers[hopeless:first]
    return _solution_Plan(batch, start, seconds, numbers[:hopeless], passed)
