# loses: load_is_bounded
# why: both are asked always: twice the load.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    tasks = [asyncio.ensure_future(ask(name, question)) for name in ("a", "b")]
    try:
        return await _solution_first(tasks)
    finally:
        for task in tasks:
            task.cancel()
