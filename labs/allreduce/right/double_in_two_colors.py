# keeps: all
# how: every transfer has a step of its own: the edges of both trees are colored with two colors.

from collections.abc import Sequence


def _two_colors(trees: Sequence[Sequence[int]]) -> list[list[int]]:
    """When each edge is used, in even steps (0) or in odd ones (1): ``colors[tree][rank]``.

    That is the color of the edge between the rank and its parent in that tree; for a root it is -1.
    The edges from one rank to its two children have different colors. So have the two
    edges, one in each tree, by which a rank hangs on its parents.
    trees: parents, as `two_trees` returns them, but the trees may have any shape and depth: in each
    a rank has two children at most, and no rank has children in both.
    There may be many thousands of ranks.
    """
    colors = [[-1] * len(parents) for parents in trees]
    siblings = [_siblings(parents) for parents in trees]
    for tree, parents in enumerate(trees):
        for rank, parent in enumerate(parents):
            todo = [(tree, rank, 0)] if parent >= 0 and colors[tree][rank] < 0 else []
            while todo:
                here, child, color = todo.pop()
                if child < 0 or trees[here][child] < 0 or colors[here][child] >= 0:
                    continue
                colors[here][child] = color
                todo.append((here, siblings[here][child], 1 - color))
                todo.append((1 - here, child, 1 - color))
    return colors


def _siblings(parents: Sequence[int]) -> list[int]:
    """The other child of each rank's parent, or -1."""
    siblings, seen = [-1] * len(parents), dict[int, int]()
    for rank, parent in enumerate(parents):
        if parent in seen:
            siblings[rank], siblings[seen[parent]] = seen[parent], rank
        elif parent >= 0:
            seen[parent] = rank
    return siblings


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    """Every rank's array becomes the op of all, in place: each half of it up and down a tree.

    ``chunks(array.size, 2)`` are the halves, and so many chunks of each half the segments, which
    follow each other through its tree, up to the root and down again. A segment may be empty.

    For P ranks, D = ⌈log2 P⌉, an array of n bytes and s segments: at most 4 (s + D - 1) steps of
    α + β n/2s seconds, for a rank sends one segment at a time and receives another meanwhile. All
    ranks together send 2 (P - 1) n bytes; each sends at most 2 n and receives at most 2 n, and
    sends at most 4 s messages.
    The same bits on all ranks. op: any that is commutative and associative. Must not deadlock, even
    if no message leaves before its receiver has asked for it.
    """
    trees, depth = two_trees(comm.size), (comm.size - 1).bit_length()
    colors = _two_colors(trees)
    halves = [pieces(half, segments) for half in pieces(array, 2)]
    came, gone = _timetable(trees, colors, comm.rank, segments)
    spare = np.empty_like(halves[1][-1])  # no segment is longer than the last one
    steps = range(2 * (segments + depth - 1))
    for step in reversed(steps):  # the way up is the way down, seen in a mirror
        leaves, mine = _part(halves, came, step), _part(halves, gone, step)
        theirs = mine and (mine[0], spare[: mine[1].size])
        _exchange(comm, leaves, theirs, UP)
        if mine and theirs:
            op(mine[1], theirs[1], out=mine[1])
    for step in steps:
        leaves, place = _part(halves, gone, step), _part(halves, came, step)
        _exchange(comm, leaves, place, DOWN)


_Transfers = dict[int, tuple[int, int, int]]  # step: peer, tree, segment


def _timetable(
    trees: list[list[int]], colors: list[list[int]], rank: int, segments: int
) -> tuple[_Transfers, _Transfers]:
    """What a rank receives and what it sends, in the steps of the way down."""
    came: _Transfers = {}
    gone: _Transfers = {}
    for tree, parents in enumerate(trees):
        edges = [(parents[rank], rank, came)] if parents[rank] >= 0 else []
        edges += [(child, child, gone) for child, p in enumerate(parents) if p == rank]
        for peer, below, transfers in edges:
            first = _first(parents, colors[tree], below)
            for segment in range(segments):
                transfers[first + 2 * segment] = (peer, tree, segment)
    return came, gone


def _first(parents: Sequence[int], colors: Sequence[int], rank: int) -> int:
    """The step of the way down in which the first segment reaches a rank."""
    if parents[rank] < 0:
        return -1
    next_one = _first(parents, colors, parents[rank]) + 1
    return next_one + (next_one % 2 != colors[rank])


def _part(halves: list[list[Array]], transfers: _Transfers, step: int) -> tuple[int, Array] | None:
    """Whom a transfer of this step is with, and where the segment lies; None without one."""
    if step not in transfers:
        return None
    peer, tree, segment = transfers[step]
    return peer, halves[tree][segment]


def _exchange(
    comm: Communicator,
    leaves: tuple[int, Array] | None,
    arrives: tuple[int, Array] | None,
    tag: int,
) -> None:
    """Send to one rank and receive from another at the same time, or only one of both."""
    if leaves and arrives:
        comm.Sendrecv(leaves[1], leaves[0], tag, arrives[1], arrives[0], tag)
    elif leaves:
        comm.Send(leaves[1], leaves[0], tag)
    elif arrives:
        comm.Recv(arrives[1], arrives[0], tag)
