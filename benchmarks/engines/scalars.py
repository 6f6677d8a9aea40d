"""Engines whose values are single Python floats: micrograd, and the scalars of minitorch."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from machine import version_of
from race import Entry, Results

from engines.problems import Chain


class Micrograd:
    """micrograd, from the package index."""

    title = "micrograd"

    def __init__(self) -> None:
        self.value = importlib.import_module("micrograd.engine").Value
        self.version = version_of("micrograd")

    def operations(self, p: Chain) -> Entry:
        """The chain on one number, forward and backward."""

        def work() -> list[Any]:
            leaves = [self.value(number) for number in _numbers(p)]
            h = _chain(*leaves, p.operations)
            (h * p.g.item()).backward()
            return leaves

        return Entry(work, lambda: _gradients(leaf.grad for leaf in work()))

    def forward(self, p: Chain) -> Entry:
        """The chain on one number, forward only, recorded."""
        leaves = [self.value(number) for number in _numbers(p)]
        work = lambda: _chain(*leaves, p.operations)  # noqa: E731
        return Entry(work, lambda: {"h": np.array(work().data)})


class Minitorch:
    """A completed solution of the minitorch course, from a checkout."""

    title = "minitorch scalars"

    def __init__(self, path: Path) -> None:
        self.scalar = _without_its_init("minitorch", path, "scalar").Scalar
        self.version = commit_of(path)

    def operations(self, p: Chain) -> Entry:
        """The chain on one number, forward and backward."""

        def work() -> list[Any]:
            leaves = [self.scalar(number) for number in _numbers(p)]
            _chain(*leaves, p.operations).backward(p.g.item())
            return leaves

        return Entry(work, lambda: _gradients(leaf.derivative for leaf in work()))

    def forward(self, p: Chain) -> Entry:
        """The chain on one number, forward only, recorded."""
        leaves = [self.scalar(number) for number in _numbers(p)]
        work = lambda: _chain(*leaves, p.operations)  # noqa: E731
        return Entry(work, lambda: {"h": np.array(work().data)})


def commit_of(path: Path) -> str:
    """What is raced: the checkout's commit; the name of a folder that is no checkout has to say."""
    command = ["git", "-C", str(path), "rev-parse", "--short=12", "--show-toplevel", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return path.resolve().name
    top, commit = answer.stdout.split("\n")[:2]
    return f"commit {commit}" if Path(top) == path.resolve() else path.resolve().name


def _without_its_init(package: str, path: Path, module: str) -> ModuleType:
    """One module of a package, whose ``__init__`` would import parts for graphics cards too."""
    if not (path / package / f"{module}.py").is_file():
        raise ImportError(f"{path} has no {package}/{module}.py")
    stand_in = ModuleType(package)
    stand_in.__path__ = [str(path / package)]
    sys.modules[package] = stand_in
    return importlib.import_module(f"{package}.{module}")


def _chain(h: Any, w: Any, b: Any, operations: int) -> Any:
    for _ in range(operations // 2):
        h = h * w
        h = h + b
    return h


def _numbers(p: Chain) -> tuple[float, float, float]:
    return p.h.item(), p.w.item(), p.b.item()


def _gradients(numbers: Any) -> Results:
    names = ("gradient of h", "gradient of w", "gradient of b")
    return {name: np.array(number) for name, number in zip(names, numbers, strict=True)}
