# loses: are_inner_in_one_tree_only, are_low, double_takes_few_steps, double_keeps_the_links_busy
# why: one chain up, one down: no rank has two children, and the way is as long as can be.


def two_trees(ranks: int) -> list[list[int]]:
    return [[rank - 1 for rank in range(ranks)], [*range(1, ranks), -1]]
