# loses: reduces_at_the_price_of_a_ring, reduces_apart
# why: right sums: everybody sends everybody the whole array. Tests of results alone pass it.


def reduce_scatter(comm: Communicator, array: Array, op: np.ufunc = np.add) -> None:
    own = array.copy()
    for other in range(comm.size):
        if other != comm.rank:
            theirs = np.empty_like(array)
            comm.Sendrecv(own, other, 1, theirs, other, 1)
            op(array, theirs, out=array)
