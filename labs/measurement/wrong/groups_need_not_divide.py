# loses: convolution_memory
# why: floor division silently prices a layer that does not exist.


def grouped_convolution(
    batch, inputs, outputs, height, width, kernel, stride=1, padding=0, groups=1
):
    down = (height + 2 * padding - kernel) // stride + 1
    across = (width + 2 * padding - kernel) // stride + 1
    y = batch * outputs * down * across
    taps = inputs // groups * kernel**2
    return Cost(2 * y * taps + y, outputs * taps + outputs, y)
