# keeps: all
# how: late is later than 97 of 100 were; the budget is a purse that each question fills.


async def hedged(
    state: dict[str, Any],
    question: bytes,
    ask: Callable[[str, bytes], Awaitable[bytes]],
    now: Callable[[], float],
) -> bytes:
    recent = state.setdefault("recent", collections.deque(maxlen=60))
    state["purse"] = min(5.0, state.get("purse", 0.0) + 0.05)
    begun = now()
    first = asyncio.ensure_future(ask("a", question))
    second = None
    try:
        patience = 1e9
        if len(recent) >= 20:
            patience = 1.3 * sorted(recent)[int(0.95 * len(recent))]
        done, _ = await asyncio.wait({first}, timeout=patience)
        failed = bool(done) and first.exception() is not None
        if failed or (not done and state["purse"] >= 1):
            state["purse"] -= 0 if failed else 1
            second = asyncio.ensure_future(ask("b", question))
            if not failed:
                await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
            order = [second, first] if failed or not first.done() else [first, second]
            try:
                return await order[0]
            except ConnectionError:
                return await order[1]
        return await first
    finally:
        recent.append(now() - begun)
        first.cancel()
        if second is not None:
            second.cancel()
