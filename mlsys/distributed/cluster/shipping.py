"""How a program reaches a process of its own, and how what it returned or raised comes back.

Ordinary pickle sends a function as the name of its module and its own; cloudpickle sends what was
defined in a notebook cell, in a script or inside another function as code. To load such bytes is
to run whatever they say. So they pass only between a program and the ranks it has started itself,
and never come from a student's rank.
"""

from __future__ import annotations

import marshal
import pickle
import sys
import traceback
from collections import ChainMap
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from mlsys.distributed.cluster.calls import Raised
from mlsys.distributed.cluster.communicator import ClusterError, Program
from mlsys.distributed.cluster.run import ProgramFailed


def pack(program: Program, arguments: tuple[Any, ...]) -> bytes:
    """A program and its arguments, and where Python looks for modules here."""
    work = _dump((program, arguments), "the program or an argument")
    return pickle.dumps((sys.path, work))


def unpack(data: bytes) -> tuple[Program, tuple[Any, ...]]:
    """What `pack` was given, with modules looked for in the same folders."""
    path, work = pickle.loads(data)
    sys.path += [folder for folder in path if folder not in sys.path]
    program, arguments = pickle.loads(work)
    return program, arguments


def pack_value(value: Any) -> bytes:
    """What a rank returned; raises TypeError when it cannot be pickled."""
    return _dump(value, "what the rank returned")


def pack_error(error: BaseException) -> bytes:
    """What a rank raised, as `Raised`. An error that cannot travel goes as text."""
    text = traceback_of(error)
    try:
        data = _dump(Raised(error, text), "what the rank raised")
        pickle.loads(data)
    except Exception:
        data = pickle.dumps(Raised(ClusterError(f"{type(error).__name__}: {error}"), text))
    return data


def traceback_of(error: BaseException) -> str:
    """The traceback of a rank's program; the lines of ours around and below it are left out."""
    told = traceback.TracebackException.from_exception(error)
    theirs = [frame for frame in told.stack if not _is_machinery(Path(frame.filename))]
    told.stack = traceback.StackSummary.from_list(theirs)
    return "".join(told.format()).rstrip()


def _is_machinery(file: Path) -> bool:
    return file.parent == Path(__file__).parent and file.stem != "examples"


def program_failed(raised: Mapping[int, Raised]) -> ProgramFailed:
    """One error for all ranks that raised, told by the traceback of the first in ``raised``.

    >>> print(program_failed({2: Raised(ValueError("no"), "ValueError: no")}))
    rank 2 raised ValueError: no
    <BLANKLINE>
    ValueError: no
    """
    first, *others = raised
    error, text = raised[first].error, raised[first].text
    message = f"rank {first} raised {type(error).__name__}: {error}"
    if others:
        message += f" (and so did {named(others)})"
    return ProgramFailed(f"{message}\n\n{text}", {rank: how.error for rank, how in raised.items()})


def named(ranks: Sequence[int]) -> str:
    """Ranks in words.

    >>> named([3]), named([0, 2])
    ('rank 3', 'ranks 0, 2')
    """
    return ("rank " if len(ranks) == 1 else "ranks ") + ", ".join(map(str, ranks))


def _dump(value: Any, what: str) -> bytes:
    data = BytesIO()
    pickler = _cloudpickle().Pickler
    ways = {"dispatch_table": ChainMap({CodeType: _code}, pickler.dispatch_table)}
    try:
        type("Pickler", (pickler,), ways)(data, protocol=5).dump(value)
        return data.getvalue()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise TypeError(f"{what} cannot travel between processes: {error}") from error


def _code(code: CodeType) -> tuple[Any, ...]:
    """Code with the names of its files, which cloudpickle leaves out and tracebacks need.

    It is of use to the same version of Python alone, which is what all ranks run.
    """
    return marshal.loads, (marshal.dumps(code),)


def _cloudpickle() -> ModuleType:
    try:
        import cloudpickle
    except ImportError:
        raise ModuleNotFoundError(
            "programs reach their processes by cloudpickle: pip install 'mlsys[distributed]'"
        ) from None
    module: ModuleType = cloudpickle
    return module
