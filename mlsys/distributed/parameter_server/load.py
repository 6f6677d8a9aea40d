"""Hot keys: how much each server has to do when a few keys are asked for most of the time.

A ring gives every server about the same number of shards; but requests are not about shards. With
Zipf frequencies the shard of the most frequent keys can take a third of all requests, wherever it
is. More servers do not help, more copies do: any replica can answer a pull, so that the load of a
hot shard is divided by the number of its replicas. Pushes are not: each replica applies all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.parameter_server.messages import Shard

Load = NDArray[np.float64]


def shard_load(probability: Load, shards: int) -> Load:
    """The share of all requests that each shard gets; (keys,) -> (shards,).

    Raises ValueError for more shards than keys.

    >>> shard_load(np.array([0.5, 0.25, 0.125, 0.125]), 2).tolist()
    [0.75, 0.25]
    """
    size = len(probability)
    if not 1 <= shards <= size:
        raise ValueError(f"shards: expected 1 to {size}, the number of keys, got {shards}")
    bounds = [size * shard // shards for shard in range(shards)]
    return np.asarray(np.add.reduceat(probability, bounds))


def server_load(
    load: Mapping[Shard, float], chains: Mapping[Shard, Sequence[int]], servers: Sequence[int]
) -> Load:
    """The share of all pulls that each server answers, if a shard's replicas take turns."""
    place = {server: index for index, server in enumerate(servers)}
    found = np.zeros(len(servers))
    for shard, chain in chains.items():
        for server in chain:
            found[place[server]] += load[shard] / len(chain)
    return found


def imbalance(load: Load) -> float:
    """The busiest server's load over the mean: 1 is best, the number of servers worst."""
    return float(load.max() / load.mean())


def copies(load: Load, servers: int, bound: float) -> NDArray[np.int64]:
    """How many replicas each shard needs so that none of them gets more than its due.

    bound: the most that one replica may get, in fair shares (1 / servers) of all requests. No shard
    can have more replicas than there are servers.
    """
    if not bound > 0:
        raise ValueError(f"bound: expected a number > 0, got {bound}")
    needed = np.ceil(load * servers / bound - 1e-9)
    return np.asarray(np.clip(needed, 1, servers).astype(np.int64))
