# loses: leaving
# why: whoever begins the computation takes it along when it leaves.


async def coalesced(
    under_way: dict[Hashable, Flight[V]], key: Hashable, compute: Callable[[], Awaitable[V]]
) -> V:
    if key in under_way:
        return await under_way[key].task
    task = asyncio.ensure_future(compute())
    under_way[key] = Flight(task)
    try:
        return await task
    finally:
        del under_way[key]
