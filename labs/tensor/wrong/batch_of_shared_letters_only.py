# loses: no_copy, few_copies
# why: a letter of m may go into the batch, where the other operand stands still.


def _solution_groups(a, b, output):
    shared = [letter for letter in output if letter in a.axes and letter in b.axes]
    rows = [letter for letter in output if letter not in b.axes]
    columns = [letter for letter in output if letter not in a.axes]
    inner = [letter for letter in {**a.axes, **b.axes} if letter not in output]
    yield shared, rows, inner, columns
