"""Scaling efficiency: what share of so many machines' speed is left when they train one model.

A step of P workers takes the work of one batch and an exchange of n bytes of gradients. Around a
ring each machine's cable carries 2n(P - 1)/P bytes each way, whatever P is; to a central server
come P n, and P n go back. With one server on each machine, and g workers, a cable carries 2g n each
way: better by far than one for all, and still g times the ring. The model is played on the virtual
clock with constants that others have published. It leaves out what is not in them: the additions on
the servers, the input, and whatever interferes.
Source: Sergeev and Del Balso, "Horovod: fast and easy distributed deep learning in TensorFlow",
2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlsys.distributed.allreduce.ring import ring_allreduce
from mlsys.distributed.cluster import SimulatedCluster, Topology, two_level
from mlsys.distributed.cluster.communicator import Array, Communicator

# Horovod's machines: four GPUs each, and one port of 25 Gbit/s (Horovod's benchmark page). What one
# step of a ring waits, 5.7 µs over PCIe and 9.6 µs over the network, stands in NCCL's tuning table
# (src/graph/tuning.cc as of 2020, protocol Simple), which also reckons with 12 GB/s for PCIe.
PER_MACHINE = 4
INSIDE = (5.7e-6, 1 / 12e9)  # α in seconds, β in seconds per byte
BETWEEN = (9.6e-6 - 5.7e-6, 8 / 25e9)  # a message between machines crosses both
FUSION = 64 << 20  # bytes: Horovod's default fusion buffer
BACKWARD = 2 / 3  # of a step's work: two matrix products for each one of the forward pass

EXCHANGES = ("ring", "servers", "server")
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
    overlap: each fusion buffer leaves as soon as its gradients are there, instead of all gradients
        together after the backward pass. They are taken to come evenly over it.
    """
    if exchange not in EXCHANGES:
        raise ValueError(f"exchange: expected one of {', '.join(EXCHANGES)}, got {exchange!r}")
    machines, per_machine = -(-workers // PER_MACHINE), min(workers, PER_MACHINE)
    if machines * per_machine != workers:
        raise ValueError(f"workers: expected full machines of {PER_MACHINE}, got {workers}")
    if exchange == "ring":
        run = SimulatedCluster(coarse(machines, per_machine)).run(ring_step, workload, overlap)
    else:
        servers = machines if exchange == "servers" else 1
        cluster = SimulatedCluster(coarse(machines, per_machine + 1))
        run = cluster.run(central_step, workload, machines, servers, overlap)
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
    """What a step exchanges, (second at which it is ready, gradients), first ready first.

    With overlap these are fusion buffers, else one of all gradients at the end.
    """
    count = math.ceil(workload.nbytes / FUSION) if overlap else 1
    gradients = np.zeros(round(workload.parameters / GRAIN), np.float32)
    forward = workload.seconds * (1 - BACKWARD)
    for k, buffer in enumerate(np.array_split(gradients, count), 1):
        yield forward + (workload.seconds - forward) * k / count, buffer


def wait_until(comm: Communicator, seconds: float) -> None:
    """The GPU works on; whoever sends its gradients has nothing to do until then."""
    comm.compute(max(0.0, seconds - comm.now()))


# ------------------------------------------------------------ one step, on each rank


def ring_step(comm: Communicator, workload: Workload, overlap: bool) -> None:
    """Every rank is a worker; neighbours on the ring are neighbours in a machine where possible."""
    for ready, buffer in buffers(workload, overlap):
        wait_until(comm, ready)
        ring_allreduce(comm, buffer)
    wait_until(comm, workload.seconds)


def central_step(
    comm: Communicator, workload: Workload, machines: int, servers: int, overlap: bool
) -> None:
    """Servers add what all workers push and send it back, buffer by buffer.

    The last rank of each of the first machines is a server; that of the others does nothing.
    """
    per_machine = comm.size // machines
    machine, place = divmod(comm.rank, per_machine)
    ranks = [per_machine * m + per_machine - 1 for m in range(servers)]
    for ready, buffer in buffers(workload, overlap):
        parts = np.array_split(buffer, servers)
        if place < per_machine - 1:
            wait_until(comm, ready)
            push_and_pull(comm, parts, ranks, machine)
        elif machine < servers:
            serve(comm, parts[machine], machines, machine)
    if place < per_machine - 1:
        wait_until(comm, workload.seconds)


def push_and_pull(comm: Communicator, parts: list[Array], servers: list[int], machine: int) -> None:
    """Send each server its part of a gradient, and take back the sum over all workers.

    machine 0 pushes to server   0 1 2 3    and is served by   0 3 2 1
    machine 1                    1 2 3 0                       1 0 3 2     one round a column:
    machine 2                    2 3 0 1                       2 1 0 3     no two in the
    machine 3                    3 0 1 2                       3 2 1 0     same row or column
    """
    count = len(servers)
    for turn in range(count):
        there = (machine + turn) % count
        comm.Send(parts[there], servers[there])
    for turn in range(count):
        there = (machine - turn) % count
        comm.Recv(parts[there], servers[there])


def serve(comm: Communicator, part: Array, machines: int, machine: int) -> None:
    """Add what all workers push into ``part``, and send it back, machine by machine."""
    per_machine = comm.size // machines
    came = np.empty_like(part)
    part[:] = 0
    for _ in range(machines * (per_machine - 1)):
        comm.Recv(came)
        part += came
    for turn in range(machines):
        first = per_machine * ((machine + turn) % machines)
        for worker in range(first, first + per_machine - 1):
            comm.Send(part, worker)
