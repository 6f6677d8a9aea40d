# loses: renames, sums, multiplies, sums_first, merges, no_copy, few_copies
# why: a view of a view begins where that one begins.


def einsum_plan(subscripts: str, layouts: Sequence[Layout]) -> Plan:
    return _planned(subscripts, [Layout(of.shape, of.strides) for of in layouts])


def _planned(subscripts, layouts):
    inputs, _, output = subscripts.partition("->")
    named = list(zip("ab"[: len(layouts)], inputs.split(","), layouts, strict=True))
    operands = [_solution_Operand(b, letter_axes(n, of), of.offset) for b, n, of in named]
    _solution_refuse(operands, output)
    steps: list[Any] = []
    if len(operands) == 1:
        if set(operands[0].axes) <= set(output):
            return steps, operands[0].view(*output)
        operands.append(_solution_Operand("one", {}))
    else:
        wanted = [(set(other.axes) | set(output)) for other in reversed(operands)]
        operands = [_solution_summed(steps, *pair) for pair in zip(operands, wanted)]
    return steps, _solution_product(steps, *operands, output).view(*output)
