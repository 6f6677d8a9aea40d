# loses: sums, multiplies, merges, no_copy, few_copies, sums_first
# why: the product's axes are batch, m, n; the letters behind the arrow may want another order.


def einsum_plan(subscripts: str, layouts: Sequence[Layout]) -> Plan:
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
    written = "".join(letter for letter in {**operands[0].axes, **operands[1].axes})
    made = _solution_product(
        steps, *operands, "".join(letter for letter in written if letter in output)
    )
    shape = tuple(made.axes[letter][0] for letter in output)
    return steps, (made.buffer, Layout(shape, contiguous_strides(shape)))
