# loses: forgets_what_all_have_seen
# why: crosses workers off in the lists that it was given.


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    for each, _, _, missing in flying:
        if each <= number and who in missing:
            missing.remove(who)
    return [message for message in flying if message[3]]
