# loses: every_node_once
# why: in a reversed preorder one side of a diamond can stand before the node it is made of.


def topological_order(output: Node, known: Iterable[Node] = ()) -> list[Node]:
    order, seen, stack = [], set(known), [output]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            stack += [x for x in node.inputs if x.requires_grad]
    return order[::-1]
