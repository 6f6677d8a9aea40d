# loses: no_copy, few_copies
# why: right, and every operand is moved in memory before it is used.


def _solution_arrangement(a, b, output, lengths):
    return [a, b], next(iter(_solution_groups(a, b, output)))
