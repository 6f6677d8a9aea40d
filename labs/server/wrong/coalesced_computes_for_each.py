# loses: computed_once, errors_are_shared, leaving
# why: nobody joins anybody.


async def coalesced(
    under_way: dict[Hashable, Flight[V]], key: Hashable, compute: Callable[[], Awaitable[V]]
) -> V:
    return await compute()
