# loses: sums_first
# why: what a alone has is summed once for each column of b.


def _solution_summed(steps, operand, wanted):
    return operand
