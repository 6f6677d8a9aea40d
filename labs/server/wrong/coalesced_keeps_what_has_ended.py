# loses: computed_once, errors_are_shared
# why: what has ended stays noted: a cache without end, of errors too.


async def coalesced(
    under_way: dict[Hashable, Flight[V]], key: Hashable, compute: Callable[[], Awaitable[V]]
) -> V:
    flight = under_way.get(key)
    if flight is None:
        under_way[key] = flight = Flight(asyncio.ensure_future(compute()))
    flight.waiters += 1
    try:
        return await asyncio.shield(flight.task)
    finally:
        flight.waiters -= 1
        if not flight.waiters and not flight.task.done():
            del under_way[key]
            flight.task.cancel()
