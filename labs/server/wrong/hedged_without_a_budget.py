# loses: load_is_bounded
# why: lateness is learned, but in the time until it has been, everything is asked twice.


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
        if failed or late:
            tasks.append(asyncio.ensure_future(ask("b", question)))
        answer = await _solution_first(tasks)
    finally:
        for task in tasks:
            task.cancel()
    state.setdefault("seconds", []).append(now() - begun)
    return answer
