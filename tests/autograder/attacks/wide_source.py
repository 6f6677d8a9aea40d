# tries: to fill the memory of whoever parses its source: each byte of it is hundreds of the tree
# fails: a file has a size from which on it is not parsed, and below it the tree is bearable
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: 700 MiB of the grader's own memory
# grows: a, 30000
NAMES = [GROWN]  # noqa: F821
