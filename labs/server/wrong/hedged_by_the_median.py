# loses: tail_is_cut, adapts
# why: half of all is late, so the budget is spent on answers that were about to come.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    state["asked"] = state.get("asked", 0) + 1
    begun, tasks = now(), [asyncio.ensure_future(ask("a", question))]
    try:
        await asyncio.wait(tasks, timeout=_solution_patience(state))
        late = not tasks[0].done()
        failed = not late and tasks[0].exception() is not None
        if failed or (late and _solution_may_hedge(state)):
            tasks.append(asyncio.ensure_future(ask("b", question)))
        answer = await _solution_first(tasks)
    finally:
        for task in tasks:
            task.cancel()
    state.setdefault("seconds", []).append(now() - begun)
    return answer


def _solution_patience(state: dict[str, Any]) -> float | None:
    seconds = state.get("seconds", [])
    return float(np.quantile(seconds[-100:], 0.5)) if len(seconds) >= 20 else None
