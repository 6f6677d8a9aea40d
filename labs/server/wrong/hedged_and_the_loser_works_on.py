# loses: losers_are_told
# why: whoever is not needed any more is not told so.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    state["asked"] = state.get("asked", 0) + 1
    begun, tasks = now(), [asyncio.ensure_future(ask("a", question))]
    if True:
        await asyncio.wait(tasks, timeout=_solution_patience(state))
        late = not tasks[0].done()
        failed = not late and tasks[0].exception() is not None
        if failed or (late and _solution_may_hedge(state)):
            tasks.append(asyncio.ensure_future(ask("b", question)))
        answer = await _solution_first(tasks)
    state.setdefault("seconds", []).append(now() - begun)
    return answer
