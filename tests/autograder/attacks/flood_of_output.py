# tries: to fill the grader's memory and disk with what it prints (8 MiB, to stay harmless)
# fails: text is drained as it comes, little of it is kept, and a flood ends the process
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: memory or a disk that are full
def attack(*arguments, **keywords):
    for _ in range(8 * 1024):
        print("x" * 1023)
    return 0
