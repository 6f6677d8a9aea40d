# loses: every_node_once, linear_work_on_a_deep_chain
# why: without a mark on what was seen, a node is visited once for each path, and paths double.


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    order, stack, known = [], [(output, False)], set(known)
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        else:
            stack.append((node, True))
            stack += [(x, False) for x in node.inputs if x.requires_grad and x not in known]
    return order
