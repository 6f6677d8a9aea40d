# loses: forgets_what_all_have_seen, keeps_the_bound, sooner_than_bsp
# why: keeps messages that nobody misses.


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    return [
        (each, keys, values, [w for w in missing if w != who or each > number])
        for each, keys, values, missing in flying
    ]
