# loses: few_copies
# why: the second may be the smaller one.


def _solution_arrangement(a, b, output, lengths):
    for copied in ([], [a], [b], [a, b]):
        uncopied = [x for x in (a, b) if x not in copied]
        for groups in _solution_groups(a, b, output):
            orders = [_solution_order(group, uncopied, lengths) for group in groups]
            if None not in orders:
                return copied, orders
