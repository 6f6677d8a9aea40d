# loses: no_copy
# why: three letters have six orders.


def _solution_order(group, operands, lengths):
    for order in (group, group[::-1]):
        if all(x.axis(order, lengths) for x in operands):
            return order
    return None
