# keeps: all
# how: letters sorted by stride instead of tried, b @ a transposed, groups chained by hand.


def contiguous_strides(shape: Shape) -> Shape:
    lengths = np.maximum(shape, 1).astype(int)
    return tuple(math.prod(lengths[k + 1 :].tolist()) for k in range(len(shape)))


def position(layout: Layout, index: Sequence[int]) -> int:
    if len(index) != len(layout.shape) or any(
        i >= n or i < -n for i, n in zip(index, layout.shape)
    ):
        raise IndexError(f"no element {index}")
    turned = [i + n if i < 0 else i for i, n in zip(index, layout.shape)]
    return layout.offset + sum(map(math.prod, zip(turned, layout.strides)))


def extent(layout: Layout) -> range:
    if 0 in layout.shape:
        return range(5, 5)
    ends = [sorted((0, (n - 1) * s)) for n, s in zip(layout.shape, layout.strides)]
    low, high = (sum(end[k] for end in ends) for k in (0, 1))
    return range(layout.offset + low, layout.offset + high + 1)


def broadcast_to(layout: Layout, shape: Shape) -> Layout:
    np.broadcast_to(np.empty(layout.shape), shape)  # its ValueError is ours
    own = [*[(1, 0)] * (len(shape) - layout.ndim), *zip(layout.shape, layout.strides)]
    return Layout(shape, tuple(s if n == m else 0 for (n, s), m in zip(own, shape)), layout.offset)


def collapse(shape: Shape, *operands: Shape) -> list[Run]:
    axes = [(n, steps) for n, *steps in zip(shape, *operands) if n > 1]
    for k in reversed(range(len(axes) - 1)):
        (n, outer), (m, inner) = axes[k], axes[k + 1]
        if outer == [m * step for step in inner]:
            axes[k : k + 2] = [(n * m, inner)]
    return [(n, tuple(steps)) for n, steps in axes]


def reshaped_strides(shape: Shape, strides: Shape, target: Shape) -> Shape | None:
    ends, size = {}, 1  # for how many elements counted from the right, which stride begins
    for n, (step,) in reversed(collapse(shape, strides)):
        ends[size] = step
        size *= n
    new, size, step, left = [], 1, 1, math.inf
    for n in reversed(target):
        if size in ends and n > 1:
            step, since = ends.pop(size), size
            left = min((end for end in ends if end > size), default=math.inf)
        if n > 1:
            if size * n > left:
                return None
            new.append(step * (size // since))
        else:
            new.append(0)
        size *= n
    return tuple(reversed(new))


def letter_axes(names: str, layout: Layout) -> Axes:
    if len(names) != len(layout.shape):
        raise ValueError("a letter for each axis")
    if len({*zip(names, layout.shape)}) != len(set(names)):
        raise ValueError("a letter with two lengths")
    strides = dict.fromkeys(names, 0)
    for letter, stride in zip(names, layout.strides):
        strides[letter] += stride
    return {letter: (n, strides[letter]) for letter, n in zip(names, layout.shape)}


def einsum_plan(subscripts: str, layouts: Sequence[Layout]) -> Plan:
    names, output = subscripts.split("->")
    names = names.split(",")
    axes = [letter_axes(own, layout) for own, layout in zip(names, layouts)]
    if len({item for own in axes for item in ((x, n) for x, (n, _) in own.items())}) != len(
        {x for own in axes for x in own}
    ):
        raise ValueError("a letter with two lengths")
    if len(set(output)) != len(output) or not set(output) <= {x for own in axes for x in own}:
        raise ValueError("behind the arrow, each letter once")
    buffers, offsets = ["a", "b"][: len(axes)], [layout.offset for layout in layouts]
    if len(axes) == 1 and set(axes[0]) == set(output):
        shape, strides = zip(*(axes[0][x] for x in output)) if output else ((), ())
        return [], ("a", Layout(tuple(shape), tuple(strides), offsets[0]))
    steps = []
    if len(axes) == 2:
        for k in (0, 1):
            kept = [x for x in axes[k] if x in output or x in axes[1 - k]]
            if len(kept) < len(axes[k]):
                given = [buffers[k], "one"], [axes[k], {}], [offsets[k], 0]
                axes[k] = _multiply(steps, *given, kept)
                buffers[k], offsets[k] = len(steps) - 1, 0
    else:
        buffers, axes, offsets = [*buffers, "one"], [*axes, {}], [*offsets, 0]
    made = _multiply(steps, buffers, axes, offsets, output)
    shape, strides = zip(*(made[x] for x in output)) if output else ((), ())
    return steps, (len(steps) - 1, Layout(tuple(shape), tuple(strides)))


def _multiply(steps, buffers, axes, offsets, output):
    """b times a, so that columns of b come before rows of a."""
    sizes = [math.prod(n for n, _ in own.values()) for own in axes]
    choices = sorted((sum(sizes[k] for k in which), which) for which in ((), (0,), (1,), (0, 1)))
    lengths = {x: n for own in axes for x, (n, _) in own.items()}
    groups = next(
        found
        for _, which in choices
        for batch in _batches(axes, output)
        if (found := _ordered(axes, lengths, which, batch, output))
    )
    which, batch, inner, *own = groups
    views = []
    for k in (0, 1):
        order = [batch, own[k], inner]
        mine = axes[k]
        if k in which:
            flat = [x for group in order for x in group if x in mine]
            shape, strides = zip(*(mine[x] for x in flat)) if flat else ((), ())
            steps.append(("copy", (buffers[k], Layout(shape, strides, offsets[k]))))
            mine = dict(zip(flat, zip(shape, contiguous_strides(shape))))
            buffers[k], offsets[k] = len(steps) - 1, 0
        shape = [math.prod(lengths[x] for x in group) for group in order]
        strides = [mine.get(group[-1], (1, 0))[1] if group else 0 for group in order]
        if k == 0:  # as the second factor: (batch, k, m)
            shape, strides = ([part[0], part[2], part[1]] for part in (shape, strides))
        views.append((buffers[k], Layout(tuple(shape), tuple(strides), offsets[k])))
    steps.append(("product", views[1], views[0]))
    flat = [*batch, *own[1], *own[0]]
    shape = tuple(lengths[x] for x in flat)
    return dict(zip(flat, zip(shape, contiguous_strides(shape))))


def _batches(axes, output):
    shared = {x for x in output if all(x in own for own in axes)}
    if any(axes[0][x][0] > 1 for x in shared):
        return [shared]
    alone = [[x for x in output if x in own] for own in axes]
    return [
        shared | set(some)
        for letters in alone
        for n in range(len(letters) + 1)
        for some in itertools.combinations(letters, n)
    ]


def _ordered(axes, lengths, which, batch, output):
    inner = {x for x in lengths if x not in output}
    left = [set(output) & set(axes[k]) - set(axes[1 - k]) - batch for k in (0, 1)]
    asked = [own for k, own in enumerate(axes) if k not in which]
    chains = [_chain(batch, asked, lengths), _chain(inner, asked, lengths)]
    chains += [_chain(left[k], [axes[k]] if k not in which else [], lengths) for k in (0, 1)]
    return None if None in chains else (which, *chains)


def _chain(letters, asked, lengths):
    """The letters, the largest strides first, those of length 1 before all; None if they jump."""
    long = [x for x in letters if lengths[x] > 1]

    def moves(x):
        return tuple(own.get(x, (1, 0))[1] for own in asked)

    long.sort(key=lambda x: [abs(step) for step in moves(x)], reverse=True)
    for outer, inner in itertools.pairwise(long):
        if moves(outer) != tuple(lengths[inner] * step for step in moves(inner)):
            return None
    return [x for x in letters if lengths[x] == 1] + long
