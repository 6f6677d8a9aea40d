# tries: to crash whoever reads its source: sixty thousand signs before one number
# fails: the parser gives up in good order, and a file that Python cannot read has no marks
# goal: exhaust
# stopped from: T0
# undefended: elsewhere: a crash of readers that recurse without a limit
# grows: - 60000
SIGNS = -GROWN - 1  # noqa: F821
