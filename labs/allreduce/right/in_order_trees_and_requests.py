# keeps: all
# how: trees in the order of the ranks, even places being leaves; receives asked for in advance.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    rank, size = comm.rank, comm.size
    parts = pieces(array, size)
    for step in range(size - 1, 0, -1):
        came = np.empty_like(parts[(rank + step - 1) % size])
        receive = comm.Irecv(came, (rank - 1) % size, 7)
        send = comm.Isend(parts[(rank + step) % size], (rank + 1) % size, 7)
        receive.Wait()
        send.Wait()
        parts[(rank + step - 1) % size][...] = op(parts[(rank + step - 1) % size], came)


def two_trees(ranks: int) -> list[list[int]]:
    first = [-1] * ranks

    def hang(low, high, above):
        if low == high:
            return
        height = (high - low).bit_length() - 1
        top = low if high - low == 1 else min(low + 2**height - 1, high - 1)
        first[top] = above
        hang(low, top, top)
        hang(top + 1, high, top)

    hang(0, ranks, -1)
    if ranks % 2 == 0:  # in a mirror, even ranks and odd ones change places
        return [first, [ranks - 1 - p if p >= 0 else -1 for p in reversed(first)]]
    turned = [first[(rank + 1) % ranks] for rank in range(ranks)]
    return [first, [(p - 1) % ranks if p >= 0 else -1 for p in turned]]


def double_tree_allreduce(
    comm: Communicator, array: Array, op: np.ufunc = np.add, segments: int = 1
) -> None:
    trees = two_trees(comm.size)
    data = vector(array)
    halves = [pieces(data[: data.size // 2], segments), pieces(data[data.size // 2 :], segments)]
    above = [tree[comm.rank] for tree in trees]
    below = [[rank for rank, p in enumerate(tree) if p == comm.rank] for tree in trees]
    leaf = [tree for tree in (0, 1) if not below[tree] and above[tree] >= 0]
    inner = [tree for tree in (0, 1) if below[tree]]
    room = {
        (tree, child): [np.empty_like(part) for part in halves[tree]]
        for tree in inner
        for child in below[tree]
    }
    coming = {
        key: [comm.Irecv(place, key[1], UP + key[0]) for place in places]
        for key, places in room.items()
    }
    sent, ahead = [], min(4, segments)
    for step in range(segments + ahead):
        if step < segments:
            sent += [comm.Isend(halves[t][step], above[t], UP + t) for t in leaf]
        for tree in inner if step >= ahead else ():
            part = halves[tree][step - ahead]
            for child in below[tree]:
                coming[tree, child][step - ahead].Wait()
                op(part, room[tree, child][step - ahead], out=part)
            if above[tree] >= 0:
                sent.append(comm.Isend(part, above[tree], UP + tree))
    for request in sent:
        request.Wait()
    late = [comm.Irecv(part, above[t], DOWN + t) for t in leaf for part in halves[t]]
    for segment in range(segments):
        for tree in inner:
            part = halves[tree][segment]
            if above[tree] >= 0:
                comm.Recv(part, above[tree], DOWN + tree)
            late += [comm.Isend(part, child, DOWN + tree) for child in below[tree]]
    for request in late:
        request.Wait()
