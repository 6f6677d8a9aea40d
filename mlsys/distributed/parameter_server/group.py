"""What a group of servers keeps, and which rank does what.

Every rank makes the same `Group`, so it is never sent: functions in it, of updates and of first
values, need not travel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mlsys.distributed.parameter_server.consistency import BSP, Consistency
from mlsys.distributed.parameter_server.messages import Array, Keys, Shard
from mlsys.distributed.parameter_server.updates import Add, Update

Initial = Callable[[Keys], Array]  # sorted keys (n,) -> first values (n, width)


@dataclass(frozen=True)
class Table:
    """Rows of ``width`` numbers under the keys 0 to size - 1, in ``shards`` ranges of equal length.

    sparse: rows are made when first pushed or pulled, so that ``size`` may be 2**63 - 1.
    initial: first values; zeros without it. job: whose workers its clocks count.
    """

    name: str
    size: int
    width: int = 1
    dtype: str = "<f4"
    update: Update = field(default_factory=Add)
    consistency: Consistency = BSP
    shards: int = 1
    sparse: bool = False
    initial: Initial | None = None
    job: str = ""

    def __post_init__(self) -> None:
        if not (1 <= self.shards <= self.size and self.width >= 1):
            raise ValueError(
                f"table {self.name!r}: expected size >= shards >= 1 and width >= 1, "
                f"got size {self.size}, shards {self.shards}, width {self.width}"
            )
        np.dtype(self.dtype)

    def bounds(self, shard: int) -> tuple[int, int]:
        """The first key of a shard and the first after it."""
        return self.size * shard // self.shards, self.size * (shard + 1) // self.shards


@dataclass(frozen=True)
class Group:
    """Rank 0 is the scheduler, then come servers, spare servers, and the workers of each job.

    replicas: how many servers hold each shard. virtual: points of each server on the hash ring.
    tick: seconds after which what got no answer is sent again; None: the network loses nothing.
    level: of the compression of packets, 1 (quick) to 9; 0: none.
    together: rank 0 is a server too (for the fewest processes; it is one of ``servers``).
    jobs: how many workers each job has; the last may be None for all ranks that are left.
    late: so many ranks, the last, are workers that nobody waits for until they `Client.join`.
    """

    tables: tuple[Table, ...]
    servers: int = 1
    spares: int = 0
    replicas: int = 1
    virtual: int = 64
    tick: float | None = None
    level: int = 0
    together: bool = False
    jobs: dict[str, int | None] = field(default_factory=lambda: {"": None})
    late: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.replicas <= self.servers:
            raise ValueError(
                f"a group of {self.servers} server(s) cannot hold {self.replicas} replicas of a "
                f"shard, each on its own server: have more servers, or fewer replicas"
            )
        if self.late < 0:
            raise ValueError(f"expected late >= 0, got {self.late}")
        names = [table.name for table in self.tables]
        if not names or len({*names}) < len(names):
            raise ValueError(f"expected one table or more, each with its own name, got {names}")
        if strangers := {table.job for table in self.tables} - {*self.jobs}:
            raise ValueError(f"tables belong to jobs {strangers}, and there are {list(self.jobs)}")

    @property
    def server_ranks(self) -> tuple[int, ...]:
        """The servers, spares not among them."""
        first = 0 if self.together else 1
        return tuple(range(first, first + self.servers))

    @property
    def spare_ranks(self) -> tuple[int, ...]:
        """Servers that begin without shards."""
        first = self.server_ranks[-1] + 1
        return tuple(range(first, first + self.spares))

    def worker_ranks(self, size: int) -> dict[str, tuple[int, ...]]:
        """For each job the ranks of its workers, of a cluster of ``size`` ranks.

        Raises ValueError if there are too few ranks.
        """
        first, workers = len(self.server_ranks) + self.spares + (0 if self.together else 1), {}
        for job, count in self.jobs.items():
            last = size if count is None else first + count
            workers[job] = tuple(range(first, last))
            if not workers[job] or last > size:
                raise ValueError(
                    f"the workers of job {job!r} would be ranks {first} to {last - 1}, and the "
                    f"cluster has {size} ranks, of which the first {first} do other things"
                )
            first = last
        return workers

    def table_index(self, name: str) -> int:
        """The number of a table. Raises KeyError that names what there is."""
        for index, table in enumerate(self.tables):
            if table.name == name:
                return index
        raise KeyError(f"no table {name!r}; there are {[table.name for table in self.tables]}")

    def shards(self) -> list[Shard]:
        """All shards of all tables."""
        return [(t, s) for t, table in enumerate(self.tables) for s in range(table.shards)]
