# loses: convolution_flops, convolution_memory
# why: an output channel belongs to one group; only the inputs it sees are fewer.


def grouped_convolution(
    batch, inputs, outputs, height, width, kernel, stride=1, padding=0, groups=1
):
    if inputs % groups or outputs % groups:
        raise ValueError("groups")
    down = (height + 2 * padding - kernel) // stride + 1
    across = (width + 2 * padding - kernel) // stride + 1
    taps = inputs // groups * kernel**2
    y = batch * outputs * down * across
    per_group = y // groups
    weights = outputs // groups * (taps + 1)
    return Cost(2 * per_group * taps + per_group, weights, y)
