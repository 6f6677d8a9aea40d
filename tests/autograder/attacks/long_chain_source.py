# tries: to crash whoever walks its syntax tree: a call of a call of a call, thirty thousand deep
# fails: such a tree is refused when it is made
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a crash of readers that recurse without a limit
# grows: () 30000
CALLS = printGROWN  # noqa: F821
