# loses: mixture_flops, mixture_memory
# why: a mixture that runs every expert on every token is an ordinary, very wide layer.


def mixture_of_experts(width, hidden, experts, routing):
    tokens = np.shape(routing)[0]
    uses, router, expert = tokens * experts, width * experts, 2 * width * hidden
    return Cost(
        tokens * (2 * router + 5 * experts) + uses * (2 * expert + hidden + 2 * width),
        router + experts * expert,
        tokens * (2 * experts + width) + uses * (2 * hidden + width),
    )
