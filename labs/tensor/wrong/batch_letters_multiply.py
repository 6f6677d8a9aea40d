# loses: multiplies, merges, no_copy, few_copies, sums_first
# why: every example of the batch times every other, of which the diagonal is kept.


def _solution_product(steps, a, b, output):
    rows = [letter for letter in a.axes if letter in output]
    columns = [letter for letter in b.axes if letter in output]
    inner = [letter for letter in {**a.axes, **b.axes} if letter not in output]
    lengths = {letter: n for x in (a, b) for letter, (n, _) in x.axes.items()}
    if any(x.axis(g, lengths) is None for x, g in ((a, rows), (a, inner))):
        a = _solution_copied(steps, a, [*rows, *inner])
    if any(x.axis(g, lengths) is None for x, g in ((b, columns), (b, inner))):
        b = _solution_copied(steps, b, [*inner, *columns])
    x, y = a.view((), rows, inner, lengths=lengths), b.view((), inner, columns, lengths=lengths)
    steps.append(("product", x, y))
    shape = tuple(lengths[letter] for letter in (*rows, *columns))
    strides = contiguous_strides(shape)
    names = "".join((*rows, *columns))
    return _solution_Operand(len(steps) - 1, letter_axes(names, Layout(shape, strides)))
