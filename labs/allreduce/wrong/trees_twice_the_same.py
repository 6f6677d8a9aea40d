# loses: are_inner_in_one_tree_only, double_sends_no_byte_too_many, double_takes_few_steps
# why: a good tree, used twice.


def two_trees(ranks: int) -> list[list[int]]:
    tree = [(rank - 1) // 2 for rank in range(ranks)]
    return [tree, list(tree)]
