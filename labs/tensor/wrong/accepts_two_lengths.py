# loses: refuses
# why: j of length 3 and j of length 4 cannot be summed together.


def _solution_refuse(operands, output):
    known = {letter for operand in operands for letter in operand.axes}
    if len(set(output)) < len(output) or not set(output) <= known:
        raise ValueError(f"what is {output!r}?")
