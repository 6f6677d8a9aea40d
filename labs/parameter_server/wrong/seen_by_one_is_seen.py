# loses: forgets_what_all_have_seen, keeps_the_bound
# why: forgets a message when the first has seen it.


def seen(flying: Sequence[Message], who: int, number: int) -> list[Message]:
    return [message for message in flying if message[0] > number]
