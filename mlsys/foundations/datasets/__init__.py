"""Data sets: which data a laptop can hold, and what is planted in it.

Read in this order:

cards       what a data set says about itself; labelled examples
real        digits, tables and a novel, read from packages that ship them
zipf        keys with the frequencies that logs have; one look for each draw
clicks      a click log without end, with a sparse logistic truth
bayes       what the best of all models loses on labels that were drawn
deliveries  orders whose labels come late, and drift
graphs      communities and power laws, in time linear in the edges
catalogue   all of them by name
"""

from mlsys.foundations.datasets.bayes import auc, greatest_auc, least_log_loss
from mlsys.foundations.datasets.cards import Card, Examples
from mlsys.foundations.datasets.catalogue import card, describe, load
from mlsys.foundations.datasets.clicks import ClickLog, Clicks, plant_clicks
from mlsys.foundations.datasets.deliveries import Deliveries, Town, plant_town
from mlsys.foundations.datasets.graphs import (
    Graph,
    attachment,
    block_model,
    community_features,
    compressed,
)
from mlsys.foundations.datasets.real import alice, digits, mnist, table
from mlsys.foundations.datasets.zipf import Zipf

__all__ = [
    "Card", "ClickLog", "Clicks", "Deliveries", "Examples", "Graph", "Town", "Zipf", "alice",
    "attachment", "auc", "block_model", "card", "community_features", "compressed", "describe",
    "digits", "greatest_auc", "least_log_loss", "load", "mnist", "plant_clicks", "plant_town",
    "table",
]  # fmt: skip
