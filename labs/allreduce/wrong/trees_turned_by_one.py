# loses: are_inner_in_one_tree_only, double_sends_no_byte_too_many, double_takes_few_steps
# why: the second tree is the first, turned by one: most inner ranks are inner again.


def two_trees(ranks: int) -> list[list[int]]:
    tree = [(rank - 1) // 2 for rank in range(ranks)]
    turned = [tree[(rank + 1) % ranks] for rank in range(ranks)]
    return [tree, [(p - 1) % ranks if p >= 0 else -1 for p in turned]]
