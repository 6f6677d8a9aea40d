"""The environment itself: MPI comes with it, and the student's side needs three packages."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tomllib
from itertools import chain
from pathlib import Path

import pytest

MPIEXEC = shutil.which("mpiexec", path=sysconfig.get_path("scripts"))

# Shared memory only (starting is 7 times quicker), root in a container, more ranks than cores,
# and no warning of a transport that is not there.
OPEN_MPI = {
    "OMPI_MCA_pml": "ob1",
    "OMPI_MCA_btl": "self,sm",
    "OMPI_MCA_osc": "^ucx",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}

ALLREDUCE = """
from mpi4py import MPI
import numpy as np
world = MPI.COMM_WORLD
total = np.empty(3)
world.Allreduce(np.full(3, world.rank + 1.0), total)
assert total.tolist() == [3.0, 3.0, 3.0], total
if world.rank == 0:
    print("sum over", world.size, "ranks")
"""


def run_in_group(command: list[str], *, seconds: float) -> tuple[int, str]:
    """Run a command in a process group of its own and end the whole group after the time."""
    process = subprocess.Popen(
        command,
        env=os.environ | OPEN_MPI,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        pytest.fail(f"{command[0]} was still running after {seconds} s:\n{output}")
    return process.returncode, output


@pytest.mark.multiprocess
@pytest.mark.skipif(sys.platform == "win32", reason="the wheel of Open MPI is not for Windows")
def test_two_ranks_reduce_with_the_mpiexec_of_this_environment() -> None:
    pytest.importorskip("mpi4py")
    assert MPIEXEC, "no mpiexec beside this Python: pip install -e '.[mpi]'"
    status, output = run_in_group([MPIEXEC, "-n", "2", sys.executable, "-c", ALLREDUCE], seconds=40)
    assert (status, output.strip()) == (0, "sum over 2 ranks")


def test_numerical_libraries_run_on_one_thread() -> None:
    assert os.environ["OMP_NUM_THREADS"] == os.environ["OPENBLAS_NUM_THREADS"] == "1"


def test_a_student_installs_numpy_typer_and_rich_only(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {requirement.split(">")[0] for requirement in project["dependencies"]}
    assert names == {"numpy", "rich", "typer"}


# Folders and files that need more, which nothing imports that a student's labs import.
MORE = {
    "mlsys/distributed/cluster/mpi_rank.py": {"mpi4py"},
    "mlsys/serving/server/": {"orjson", "prometheus_client", "uvicorn"},
}


def test_the_packages_import_at_their_head_only_what_a_student_has(root: Path) -> None:
    allowed = {"autograder", "click", "mlsys", "numpy", "rich", "typer", *sys.stdlib_module_names}
    rows = [
        f"{path.relative_to(root)} needs {name} as soon as it is imported"
        for package in ("mlsys", "autograder")
        for path in sorted((root / package).rglob("*.py"))
        for name in _needed_at_import(path)
        if name not in allowed | _more(path.relative_to(root).as_posix())
    ]
    assert rows == []


def _more(path: str) -> set[str]:
    return set().union(*(names for place, names in MORE.items() if path.startswith(place)))


def _needed_at_import(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


def test_the_lock_pins_every_requirement_of_the_project(root: Path) -> None:
    lines = (root / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in line and "@" not in line and "/" not in line for line in pins)
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in pins}
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    names = {_name(requirement) for requirement in (*project["dependencies"], *extras)} - {"mlsys"}
    assert names <= pinned, f"not in requirements.lock: {sorted(names - pinned)}"
    assert not [name for name in pinned if name.startswith("nvidia") or name == "mlsys"]


def _name(requirement: str) -> str:
    letters = [letter if letter.isalnum() or letter in "-_." else " " for letter in requirement]
    return "".join(letters).split()[0].lower().replace("_", "-")
