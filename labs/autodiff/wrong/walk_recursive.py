# loses: linear_work_on_a_deep_chain
# why: recursion as deep as the chain of operations runs out of Python's stack.


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    order, seen = [], set(known)

    def visit(node):
        if node not in seen:
            seen.add(node)
            for x in node.inputs:
                if x.requires_grad:
                    visit(x)
            order.append(node)

    visit(output)
    return order
