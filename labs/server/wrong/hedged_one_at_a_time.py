# loses: one_answer_each, tail_is_cut, load_is_bounded, adapts, losers_are_told
# why: when a is late it is given up and b asked in its place.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    seconds = state.setdefault("seconds", [])
    patience = float(np.quantile(seconds[-100:], 0.95)) if len(seconds) >= 20 else None
    begun = now()
    try:
        answer = await asyncio.wait_for(ask("a", question), patience)
    except (TimeoutError, ConnectionError):
        answer = await ask("b", question)
    seconds.append(now() - begun)
    return answer
