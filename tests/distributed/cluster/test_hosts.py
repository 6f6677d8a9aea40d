"""Several hosts for real: two network namespaces with a cable between, and MPI over TCP.

Each namespace has its own interfaces, addresses and host name, so that to MPI they are machines;
only ssh is replaced, by a script that enters one. The cable's own counters say what crossed it.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.multiprocess

NUMBERS = 50_000  # of 8 bytes, in each rank's array

PROGRAMS = """
import os, pickle, signal, socket, sys
import numpy as np
from mlsys.distributed.cluster.communicator import RankFailed
from mlsys.distributed.cluster.mpi import MPICluster

def allreduce(comm, numbers):
    "Sum all ranks' arrays round a ring; returns the host, its network, and whether all is well."
    chunks = np.arange(comm.size * numbers, dtype=float).reshape(comm.size, -1) + comm.rank
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    for step in range(2 * (comm.size - 1)):
        out, came = (comm.rank - step) % comm.size, np.empty(numbers)
        comm.Sendrecv(chunks[out], right, 0, came, left, 0)
        into = chunks[(out - 1) % comm.size]
        into[:] = into + came if step < comm.size - 1 else came
    whole = comm.size * np.arange(comm.size * numbers) + sum(range(comm.size))
    right = (chunks.ravel() == whole).all() and os.environ["OMP_NUM_THREADS"] == "1"
    return socket.gethostname(), os.readlink("/proc/self/ns/net"), bool(right)

def death(comm):
    if comm.rank == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    comm.Barrier()

folder, numbers, hosts = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
cluster = MPICluster(4, hosts=hosts, folder=folder, timeout=25)
values = cluster.run(allreduce, numbers // 4).values
try:
    cluster.run(death)
except RankFailed as error:
    values.append(error.ranks)
print(pickle.dumps(values).hex())
"""

AGENT = """#!/bin/sh
# ssh [options] address command...: the command, on the host with that address
while [ "${{1#-}}" != "$1" ]; do shift; done
address=$1; shift
case $address in {first}) host={a};; *) host={b};; esac
exec ip netns exec $host unshare --uts sh -c "hostname $host; $*"
"""


@dataclass(frozen=True)
class Hosts:
    """Two hosts: the names of their namespaces, and their addresses."""

    names: tuple[str, str]
    addresses: tuple[str, str]

    def sent(self, name: str) -> int:
        """Bytes that have left a host through the cable."""
        links = json.loads(ip("-n", name, "-s", "-j", "link", "show", cable(name)))
        return int(links[0]["stats64"]["tx"]["bytes"])


def ip(*words: str) -> str:
    return subprocess.run(
        ["ip", *words], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def cable(name: str) -> str:
    return f"v{name}"


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    """Two hosts joined by a cable, or a reason why there are none."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("network namespaces need Linux and root")
    if missing := [tool for tool in ("ip", "unshare") if shutil.which(tool) is None]:
        pytest.skip(f"network namespaces need {' and '.join(missing)}")
    names = (f"mlsys{os.getpid()}a", f"mlsys{os.getpid()}b")
    network = f"10.{77 + os.getpid() % 100}.0"
    made = Hosts(names, (f"{network}.1", f"{network}.2"))
    try:
        try:
            build(made)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"the kernel refuses namespaces or cables: {error.stderr.strip()}")
        yield made
    finally:
        for name in names:
            tear_down(name)


def build(made: Hosts) -> None:
    a, b = made.names
    for name in made.names:
        ip("netns", "add", name)
    ip("-n", a, "link", "add", cable(a), "type", "veth", "peer", "name", cable(b), "netns", b)
    for name, address in zip(made.names, made.addresses):
        ip("-n", name, "address", "add", f"{address}/24", "dev", cable(name))
        for link in (cable(name), "lo"):
            ip("-n", name, "link", "set", link, "up")


def tear_down(name: str) -> None:
    """End whatever still runs on a host, and remove it; its end of the cable goes with it."""
    found = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, timeout=20
    )
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, timeout=20)


def run_on(made: Hosts, tmp_path: Path) -> list[Any]:
    """Start the programs on the first host, from where they reach the second."""
    agent, programs = tmp_path / "agent", tmp_path / "programs.py"
    a, b = made.names
    agent.write_text(AGENT.format(first=made.addresses[0], a=a, b=b))
    agent.chmod(0o755)
    programs.write_text(PROGRAMS)
    words = [sys.executable, programs, tmp_path, NUMBERS, *(f"{x}:2" for x in made.addresses)]
    line = f"hostname {a}; exec " + " ".join(map(str, words))
    done = subprocess.run(
        ["ip", "netns", "exec", a, "unshare", "--uts", "sh", "-c", line],
        env={**os.environ, "PRTE_MCA_plm_ssh_agent": str(agent)},
        capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    values: list[Any] = pickle.loads(bytes.fromhex(done.stdout.split()[-1]))
    return values


def test_one_program_runs_on_two_hosts_and_a_death_on_the_other_is_told(
    hosts: Hosts, tmp_path: Path
) -> None:
    *ranks, dead = run_on(hosts, tmp_path)
    assert [rank[0] for rank in ranks] == [hosts.names[0]] * 2 + [hosts.names[1]] * 2
    assert len({rank[1] for rank in ranks}) == 2, "two networks"
    assert all(rank[2] for rank in ranks), "the sum is right everywhere"
    ring = 2 * (4 - 1) / 4 * NUMBERS * 8  # what each rank sends to the next, on whatever host
    assert all(hosts.sent(name) >= ring for name in hosts.names)
    assert dead == (3,)
    assert not any(ip("netns", "pids", name) for name in hosts.names), "nothing runs any more"
