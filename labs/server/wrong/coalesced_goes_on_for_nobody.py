# loses: leaving
# why: when all have left, the computation still runs, and the next who comes joins it.


async def coalesced(
    under_way: dict[Hashable, Flight[V]], key: Hashable, compute: Callable[[], Awaitable[V]]
) -> V:
    if key not in under_way:
        task = asyncio.ensure_future(compute())
        under_way[key] = Flight(task)
        task.add_done_callback(lambda _: under_way.pop(key, None))
    return await asyncio.shield(under_way[key].task)
