"""Sorted keys: cut at the bounds of shards, and named by eight bytes once both sides know them.

A worker that goes through its data again asks for the same keys again. The first time it sends the
list, later only its signature: at one value of 4 bytes a key, a key of 8 bytes that need not be
sent leaves a third of a push (Li and others, OSDI 2014, section 4.2).
"""

from __future__ import annotations

import hashlib
import itertools
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from mlsys.distributed.parameter_server.messages import Keys, Rows

OVERHEAD = 200  # bytes of what Python keeps about a list and its rows


def signature(keys: Keys) -> int:
    """Eight bytes that tell these keys from others, from 1 to 2^63 - 1; 0 stands for none.

    Two lists of keys have the same one with a chance of 2^-63.
    """
    digest = hashlib.blake2b(np.ascontiguousarray(keys).data, digest_size=8).digest()
    return int.from_bytes(digest, "big") % (2**63 - 1) + 1


def check_keys(keys: Keys, begin: int, end: int) -> None:
    """Raise ValueError unless keys are int64, ascending, each once, from begin to end - 1."""
    if not isinstance(keys, np.ndarray) or keys.dtype != np.int64 or keys.ndim != 1:
        found = f"{keys.dtype} of shape {keys.shape}" if isinstance(keys, np.ndarray) else keys
        raise ValueError(f"keys: expected an int64 array of shape (n,), got {found!s:.80}")
    if not len(keys):
        return
    if not (keys[1:] > keys[:-1]).all():
        where = int(np.argmin(keys[1:] > keys[:-1]))
        raise ValueError(
            f"keys: expected them ascending, each once, got {keys[where]} before "
            f"{keys[where + 1]}: use np.unique, and add up the values of equal keys"
        )
    if keys[0] < begin or keys[-1] >= end:
        stranger = keys[0] if keys[0] < begin else keys[-1]
        raise ValueError(f"keys: expected {begin} to {end - 1}, got {stranger}")


def split(keys: Keys, bounds: Sequence[int]) -> list[slice]:
    """Where the keys of each shard stand, for shards from ``bounds[i]`` to ``bounds[i + 1]`` - 1.

    >>> split(np.array([1, 4, 5, 9]), [0, 5, 8, 10])
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    cuts = np.searchsorted(keys, bounds).tolist()
    return [slice(left, right) for left, right in itertools.pairwise(cuts)]


class KeyCache:
    """The lists of keys last used, by signature, and the rows found for them.

    room: bytes that it may fill. A list that alone takes more is kept until the next one comes.
    """

    def __init__(self, room: int = 2**27) -> None:
        self._room, self._filled = room, 0
        self._known: OrderedDict[int, tuple[Keys, Rows]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, signature: int) -> tuple[Keys, Rows] | None:
        """Keys and rows; None if they are not known, or not any more."""
        found = self._known.get(signature)
        if found is not None:
            self._known.move_to_end(signature)
        return found

    def put(self, signature: int, keys: Keys, rows: Rows) -> None:
        """Remember them, and forget those that were not used for longest."""
        self._filled -= _bytes(self._known.pop(signature, None))
        self._known[signature] = keys, rows
        self._filled += _bytes((keys, rows))
        while self._filled > self._room and len(self._known) > 1:
            self._filled -= _bytes(self._known.popitem(last=False)[1])


def _bytes(entry: tuple[Keys, Rows] | None) -> int:
    if entry is None:
        return 0
    keys, rows = entry
    return keys.nbytes + (0 if isinstance(rows, slice) else rows.nbytes) + OVERHEAD
