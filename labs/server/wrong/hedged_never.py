# loses: tail_is_cut, load_is_bounded, adapts, losers_are_told
# why: b is asked only when a has failed.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    try:
        return await ask("a", question)
    except ConnectionError:
        return await ask("b", question)
