# loses: forgets_what_all_have_seen, keeps_the_bound
# why: who has seen number 7 has seen 1 to 6.


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    after = []
    for each, keys, values, missing in flying:
        left = [worker for worker in missing if worker != who or each != number]
        if left:
            after.append((each, keys, values, left))
    return after
