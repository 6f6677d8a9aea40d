# loses: convolution_flops
# why: a multiplication and an addition are two FLOPs; many papers count the pair as one.


def grouped_convolution(
    batch, inputs, outputs, height, width, kernel, stride=1, padding=0, groups=1
):
    if inputs % groups or outputs % groups:
        raise ValueError("groups")
    down = (height + 2 * padding - kernel) // stride + 1
    across = (width + 2 * padding - kernel) // stride + 1
    y = batch * outputs * down * across
    taps = inputs // groups * kernel**2
    return Cost(y * taps + y, outputs * taps + outputs, y)
