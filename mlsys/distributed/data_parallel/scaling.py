"""Scaling efficiency: what share of so many machines' speed is left when they train one model.

A step of P workers takes the work of one batch and an exchange of n bytes of gradients. Around a
ring each machine's cable carries 2n(P - 1)/P bytes each way, whatever P is; to a central server come
P n, and P n go back. With one server on each machine, and g workers, a cable carries 2g n each way:
better by far than one for all, and still g times the ring. The model is played on the virtual clock
with constants that others have published. It leaves out what is not in them: the additions on the
servers, the input, and whatever interferes.
Source: Sergeev and Del Balso, "Horovod: fast and easy distributed deep learning in TensorFlow",
2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster import Communicator, SimulatedCluster, Status, Topology, two_level

Array = NDArray[Any]

# Horovod's machines: four GPUs each on PCIe, and one port of 25 Gbit/s (Horovod's benchmark page).
# Latencies of one step of a ring, within and between machines: NCCL 2.8's own tuning table
# (src/graph/tuning.cc, protocol Simple), which also counts PCIe as 12 GB/s.
PER_MACHINE = 4
INSIDE = (5.7e-6, 1 / 12e9)  # α in seconds, β in seconds per byte
BETWEEN = (9.6e-6, 8 / 25e9)
FUSION = 64 << 20  # bytes: Horovod's default fusion buffer
BACKWARD = 2 / 3  # of a step's work: two matrix products for each one of the forward pass

GRAIN = 1024  # a byte of the simulation stands for so many, and takes as long


@dataclass(frozen=True)
class Workload:
    """A model as the network sees it.

    parameters: Keras' table of models. images_per_second: of one GPU alone, 64 images a batch,
    from Horovod's README of 2017.
    """

    name: str
    parameters: float
    images_per_second: float
    batch: int = 64

    @property
    def seconds(self) -> float:
        """The work of one step."""
        return self.batch / self.images_per_second

    @property
    def nbytes(self) -> float:
        """Bytes of a gradient in float32."""
        return 4 * self.parameters


INCEPTION_V3 = Workload("Inception V3", 23.9e6, 134.4)
RESNET_101 = Workload("ResNet-101", 44.7e6, 119.4)
VGG_16 = Workload("VGG-16", 138.4e6, 130.9)

# What Horovod measured, as efficiencies: on 16 GPUs (its README of 2017, rows RDMA with NCCL and
# Distributed TensorFlow) and on 512 (its benchmark page).
MEASURED = {
    ("Inception V3", "ring"): {16: 15.0 / 16, 512: 0.90},
    ("ResNet-101", "ring"): {16: 14.6 / 16, 512: 0.90},
    ("VGG-16", "ring"): {16: 13.7 / 16, 512: 0.68},
    ("Inception V3", "servers"): {16: 10.0 / 16},
    ("ResNet-101", "servers"): {16: 8.0 / 16},
    ("VGG-16", "servers"): {16: 0.6 / 16},
}


def efficiency(workload: Workload, workers: int, exchange: str, overlap: bool = False) -> float:
    """Images per second and worker, over those of one GPU alone; simulated.

    exchange: "ring"; "servers", one server on each machine, each with its share of the parameters;
    "server", one server for all.
    overlap: each fusion buffer leaves as soon as its gradients are there, instead of after the
        backward pass. Gradients are taken to come evenly over it, the last layer's first.
    """
    if exchange not in _PROGRAMS:
        raise ValueError(f"exchange: expected one of {', '.join(_PROGRAMS)}, got {exchange!r}")
    program, extra = _PROGRAMS[exchange]
    machines, per_machine = -(-workers // PER_MACHINE), min(workers, PER_MACHINE)
    if machines * per_machine != workers:
        raise ValueError(f"workers: expected full machines of {PER_MACHINE}, got {workers}")
    cluster = SimulatedCluster(coarse(machines, per_machine + extra))
    run = cluster.run(program, workload, machines, overlap)
    return workload.seconds / run.seconds


def efficiency_curve(
    workload: Workload, workers: Sequence[int], exchange: str, overlap: bool = False
) -> Array:
    """``efficiency`` at each number of workers, for a figure."""
    return np.array([efficiency(workload, count, exchange, overlap) for count in workers])


def coarse(machines: int, per_machine: int) -> Topology:
    """The machines, with links on which a byte takes as long as ``GRAIN`` bytes do.

    Time is then that of the full gradient, and memory a thousandth.
    """
    inside, between = ((alpha, beta * GRAIN) for alpha, beta in (INSIDE, BETWEEN))
    return two_level(machines, per_machine, inside, between)


def buffers(workload: Workload, overlap: bool) -> Iterator[tuple[float, Array]]:
    """The step's fusion buffers, (second at which it is ready, gradients), first ready first."""
    count = math.ceil(workload.nbytes / FUSION)
    gradients = np.zeros(round(workload.parameters / GRAIN), np.float32)
    forward = workload.seconds * (1 - BACKWARD)
    for k, buffer in enumerate(np.array_split(gradients, count), 1):
        share = k / count if overlap else 1.0
        yield forward + (workload.seconds - forward) * share, buffer


def wait_until(comm: Communicator, seconds: float) -> None:
    """The GPU works on; whoever sends its gradients has nothing to do until then."""
    comm.compute(max(0.0, seconds - comm.now()))


# ------------------------------------------------------------ one step, on each rank


def ring_step(comm: Communicator, workload: Workload, machines: int, overlap: bool) -> None:
    """Every rank is a worker; neighbours on the ring are neighbours in a machine where possible."""
    for ready, buffer in buffers(workload, overlap):
        wait_until(comm, ready)
        ring_allreduce(comm, buffer)
    wait_until(comm, workload.seconds)


def servers_step(comm: Communicator, workload: Workload, machines: int, overlap: bool) -> None:
    """The last rank of each machine is a server."""
    per_machine = comm.Get_size() // machines
    servers = [rank for rank in range(comm.Get_size()) if rank % per_machine == per_machine - 1]
    central_step(comm, workload, servers, comm.Get_size() - machines, overlap)


def server_step(comm: Communicator, workload: Workload, machines: int, overlap: bool) -> None:
    """The last rank of the first machine is the server; those of the others do nothing."""
    per_machine = comm.Get_size() // machines
    if comm.Get_rank() % per_machine < per_machine - 1 or comm.Get_rank() < per_machine:
        central_step(comm, workload, [per_machine - 1], comm.Get_size() - machines, overlap)


def central_step(
    comm: Communicator, workload: Workload, servers: list[int], workers: int, overlap: bool
) -> None:
    """Servers add what all workers push and send it back, buffer by buffer."""
    rank = comm.Get_rank()
    for tag, (ready, buffer) in enumerate(buffers(workload, overlap)):
        parts = np.array_split(buffer, len(servers))
        if rank in servers:
            serve(comm, parts[servers.index(rank)], workers, tag)
        else:
            wait_until(comm, ready)
            push_and_pull(comm, parts, servers, tag)
    if rank not in servers:
        wait_until(comm, workload.seconds)


def push_and_pull(comm: Communicator, parts: list[Array], servers: list[int], tag: int) -> None:
    """Send each server its part of a gradient, and take back the sum over all workers.

    Everybody begins with another server, so that they do not all queue at the first.
    """
    first = comm.Get_rank() % len(servers)
    turns = list(zip(servers, parts, strict=True))
    turns = turns[first:] + turns[:first]
    requests = [comm.Isend(part.copy(), server, tag) for server, part in turns]
    requests += [comm.Irecv(part, server, tag) for server, part in turns]
    for request in requests:
        request.Wait()


def serve(comm: Communicator, part: Array, workers: int, tag: int) -> None:
    """Add what ``workers`` ranks push into ``part``, and send it back in the order of arrival."""
    came, order = np.empty_like(part), []
    status = Status()
    part[:] = 0
    for _ in range(workers):
        comm.Recv(came, tag=tag, status=status)
        part += came
        order.append(status.Get_source())
    for request in [comm.Isend(part, worker, tag) for worker in order]:
        request.Wait()


Step = Callable[[Communicator, Workload, int, bool], None]
_PROGRAMS: dict[str, tuple[Step, int]] = {  # and how many servers it adds to a machine
    "ring": (ring_step, 0),
    "servers": (servers_step, 1),
    "server": (server_step, 1),
}
