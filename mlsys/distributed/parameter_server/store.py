"""The rows of a shard: weights, and what the update keeps beside them.

`Dense` has a row for each key, so a key says where its row is. `Sparse` makes rows when they are
first named, at the end, and finds them by a search among sorted keys; a row stays where it is, so
what was looked up once can be kept. Rows are gathered and scattered as whole items: for width 16
that is two to three times faster than ``weights[rows] += values``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.parameter_server.group import Initial
from mlsys.distributed.parameter_server.messages import Array, Keys
from mlsys.distributed.parameter_server.updates import Update

Rows = NDArray[np.int64] | slice


class Dense:
    """Rows for all keys from ``begin`` to ``end`` - 1, ``width`` numbers each."""

    def __init__(
        self,
        begin: int,
        end: int,
        width: int,
        dtype: str,
        initial: Initial | None = None,
        state_names: tuple[str, ...] = (),
    ) -> None:
        self._begin = begin
        keys = np.arange(begin, end, dtype=np.int64)
        self._arrays = {"": _first(keys, width, dtype, initial)}
        self._arrays |= {name: np.zeros((end - begin, width), dtype) for name in state_names}

    def rows(self, keys: Keys) -> NDArray[np.int64]:
        """Where the rows of these keys are, shape (n,)."""
        return keys - self._begin

    def read(self, rows: Rows, out: Array | None = None) -> Array:
        """A copy of rows, shape (n, width), into ``out`` if there is one."""
        return _read(self._arrays[""], rows, out)

    def apply(self, update: Update, rows: Rows, values: Array) -> None:
        """Let an update change rows; each of them is named once. values: shape (n, width)."""
        _apply(self._arrays, update, rows, values)

    def state(self) -> dict[str, Any]:
        """All arrays, not copied."""
        return dict(self._arrays)

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._arrays = dict(state)


class Sparse:
    """Rows for the keys that have been named, of those from ``begin`` to ``end`` - 1."""

    def __init__(
        self,
        begin: int,
        end: int,
        width: int,
        dtype: str,
        initial: Initial | None = None,
        state_names: tuple[str, ...] = (),
    ) -> None:
        self._width, self._dtype, self._initial = width, dtype, initial
        self._keys = np.empty(0, np.int64)  # sorted
        self._where = np.empty(0, np.int64)  # the row of each
        self._arrays = {name: np.empty((0, width), dtype) for name in ("", *state_names)}

    def __len__(self) -> int:
        return len(self._keys)

    def rows(self, keys: Keys) -> NDArray[np.int64]:
        """Where the rows of these sorted keys are; new keys get one. Shape (n,)."""
        place = np.searchsorted(self._keys, keys)
        known = place < len(self._keys)
        known[known] = self._keys[place[known]] == keys[known]
        if not known.all():
            self._add(keys[~known], place[~known])
            place = np.searchsorted(self._keys, keys)
        return self._where[place]

    def _add(self, keys: Keys, place: NDArray[np.int64]) -> None:
        """Rows at the end, for keys that come at these places among the sorted ones."""
        first = len(self._keys)
        last = first + len(keys)
        self._keys = np.insert(self._keys, place, keys)
        self._where = np.insert(self._where, place, np.arange(first, last))
        for name, array in self._arrays.items():
            if last > len(array):
                more = max(last, 2 * len(array)) - len(array)
                self._arrays[name] = np.concatenate(
                    [array, np.empty((more, *array.shape[1:]), array.dtype)]
                )
            self._arrays[name][first:last] = 0
        self._arrays[""][first:last] = _first(keys, self._width, self._dtype, self._initial)

    def read(self, rows: Rows, out: Array | None = None) -> Array:
        """See `Dense`."""
        return _read(self._arrays[""], rows, out)

    def apply(self, update: Update, rows: Rows, values: Array) -> None:
        """See `Dense`."""
        _apply(self._arrays, update, rows, values)

    def state(self) -> dict[str, Any]:
        """All arrays, not copied."""
        made = {name: array[: len(self._keys)] for name, array in self._arrays.items()}
        return {"keys": self._keys, "where": self._where, "arrays": made}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        self._keys, self._where = state["keys"], state["where"]
        self._arrays = dict(state["arrays"])


def _first(keys: Keys, width: int, dtype: str, initial: Initial | None) -> Array:
    values = np.zeros((len(keys), width), dtype)
    if initial is not None:
        values[:] = initial(keys)
    return values


def _read(array: Array, rows: Rows, out: Array | None) -> Array:
    if out is None:
        count = len(array[rows]) if isinstance(rows, slice) else len(rows)
        out = np.empty((count, array.shape[1]), array.dtype)
    if isinstance(rows, slice):
        out[:] = array[rows]
    else:
        np.take(as_items(array), rows, out=as_items(out), mode="clip")
    return out


def _apply(arrays: dict[str, Array], update: Update, rows: Rows, values: Array) -> None:
    if isinstance(rows, slice):
        chosen = {name: array[rows] for name, array in arrays.items()}
        weights = chosen.pop("")
        update.apply(weights, chosen, values)
        return
    chosen = {name: _read(array, rows, None) for name, array in arrays.items()}
    state = {name: array for name, array in chosen.items() if name}
    update.apply(chosen[""], state, values)
    for name, array in arrays.items():
        as_items(array)[rows] = as_items(chosen[name])


def as_items(array: Array) -> Array:
    """The same memory with a row as one item, shape (n,), so that it is copied as a whole."""
    if array.shape[1] == 1:
        return array[:, 0]
    return array.view(np.dtype((np.void, array.dtype.itemsize * array.shape[1])))[:, 0]
