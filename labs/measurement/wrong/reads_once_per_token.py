# loses: mixture_reads_what_is_used
# why: an expert that is in the cache serves all of its tokens.


def weights_read(width, hidden, experts, routing):
    return width * experts + int(np.size(routing)) * 2 * width * hidden
