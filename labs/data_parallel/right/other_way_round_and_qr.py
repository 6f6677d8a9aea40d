# keeps: all
# how: all buckets leave as they are full, each under its own tag; LAPACK's QR; local errors.


def assign_buckets(sizes: Sequence[int], order: Sequence[int], cap: int) -> list[list[int]]:
    cuts, load = [0], 0
    for place, tensor in enumerate(order):
        if place and load + sizes[tensor] > cap:
            cuts.append(place)
            load = 0
        load += sizes[tensor]
    return [list(order[a:b]) for a, b in zip(cuts, [*cuts[1:], len(order)])]


def flatten(arrays: Sequence[Array]) -> Array:
    flat = np.empty(sum(array.size for array in arrays), np.result_type(*arrays))
    for piece, array in zip(unflatten(flat, [array.shape for array in arrays]), arrays):
        piece[...] = array
    return flat


def unflatten(flat: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    pieces, place = [], 0
    for shape in shapes:
        end = place + math.prod(shape)
        pieces.append(flat[place:end].reshape(shape))
        place = end
    return pieces


class _Ring:
    """A bucket's allreduce, as a table of rounds: where each one is, and its two requests."""

    def __init__(self, comm: Communicator, flat: Array, tag: int) -> None:
        self.comm, self.tag, self.round = comm, tag, -1
        self.parts = [flat[part] for part in chunks(flat.size, comm.size)]
        self.requests: list[Any] = []
        self.came: Array | None = None
        self.begin()

    def begin(self) -> bool:
        """Start the next round; whether there is one."""
        if self.came is not None:
            self.parts[self.place] += self.came
        self.round += 1
        last = self.comm.size - 1
        if self.round >= 2 * last:
            return False
        self.place = (self.comm.rank + self.round + 1) % self.comm.size
        self.came = np.empty_like(self.parts[self.place]) if self.round < last else None
        into = self.parts[self.place] if self.came is None else self.came
        out = self.parts[(self.comm.rank + self.round) % self.comm.size]
        right, left = (self.comm.rank + 1) % self.comm.size, (self.comm.rank - 1) % self.comm.size
        self.requests = [
            self.comm.Irecv(into, right, self.tag),
            self.comm.Isend(out, left, self.tag),
        ]
        return True

    def look(self) -> bool:
        """Go on as far as possible; whether it is through."""
        while all(request.Test() for request in self.requests):
            if not self.begin():
                return True
        return False

    def finish(self) -> None:
        while True:
            for request in self.requests:
                request.Wait()
            if not self.begin():
                return


def overlapped_mean(
    comm: Communicator,
    shapes: Sequence[tuple[int, ...]],
    buckets: Sequence[Sequence[int]],
    backward: Iterator[tuple[int, Array] | None],
) -> list[Array]:
    flats = [np.zeros(sum(math.prod(shapes[t]) for t in bucket)) for bucket in buckets]
    pieces = [unflatten(flat, [shapes[t] for t in b]) for flat, b in zip(flats, buckets)]
    place = {t: (k, j) for k, bucket in enumerate(buckets) for j, t in enumerate(bucket)}
    left, rings, through = [len(bucket) for bucket in buckets], dict[int, _Ring](), set[int]()
    for news in backward:
        if news is not None:
            k, j = place[news[0]]
            pieces[k][j][...] = news[1]
            left[k] -= 1
            if not left[k]:
                rings[k] = _Ring(comm, flats[k], k)
        through |= {k for k, ring in rings.items() if k not in through and ring.look()}
    rings |= {k: _Ring(comm, flats[k], k) for k in range(len(buckets)) if k not in rings}
    for k in sorted(rings.keys() - through):
        rings[k].finish()
    return [pieces[k][j] / comm.size for k, j in (place[t] for t in range(len(shapes)))]


def orthonormal(columns: Array) -> Array:
    lengths = np.linalg.norm(columns, axis=0)
    return np.linalg.qr(columns / np.where(lengths > 0, lengths, 1.0))[0]


def power_sgd(
    comm: Communicator,
    gradients: Sequence[Array],
    state: dict[str, Any],
    rank: int,
    feedback: bool = True,
) -> list[Array]:
    small = [g.ndim == 2 and rank * sum(g.shape) < g.size for g in gradients]
    errors = state.setdefault("error", [np.zeros_like(g) for g in gradients])
    rights = state.setdefault(
        "right",
        [first_right(g.shape[1], rank) if s else None for g, s in zip(gradients, small)],
    )
    whole = [g + e for g, e in zip(gradients, errors)]
    sketches = _solution_mean(comm, [m @ q if s else m for m, q, s in zip(whole, rights, small)])
    lefts = [orthonormal(p) if s else p for p, s in zip(sketches, small)]
    chosen = [k for k, s in enumerate(small) if s]
    for k, right in zip(chosen, _solution_mean(comm, [whole[k].T @ lefts[k] for k in chosen])):
        rights[k] = right
    averages = [p @ q.T if s else p for p, q, s in zip(lefts, rights, small)]
    if feedback:
        for k in chosen:
            errors[k] = whole[k] - lefts[k] @ (whole[k].T @ lefts[k]).T
    return averages
