"""Data sets: which data a laptop can hold, and what is planted in it.

Read in this order:

cards       what a data set says about itself; labelled examples
real        digits, tables and a novel, read from packages that ship them
"""

from mlsys.foundations.datasets.cards import Card, Examples
from mlsys.foundations.datasets.real import alice, digits, mnist, table

__all__ = ["Card", "Examples", "alice", "digits", "mnist", "table"]
