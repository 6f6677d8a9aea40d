"""A parameter server: a model too large for one machine, pushed to and pulled from by many.

Read in this order. What there is, and what is said about it:

- ``group``: tables, servers, workers.
- ``messages``: what nodes say to each other.
- ``keys``, ``hashing``: which rows, and who holds them.
- ``consistency``: how far ahead of the others a worker may be, as a graph of tasks.
- ``clocks``: how far everybody is, range by range.
- ``updates``, ``store``: what a server does with what is pushed.
- ``filters``: what need not be sent.
- ``wire``: messages as bytes.

Nodes, machines without a network:

- ``replica``: one shard on one server.
- ``chain``: its log, from the head to the last.
- ``aggregation``, ``intake``: what comes into the log, and when.
- ``server``: the chains it is a link of.
- ``scheduler``: who is there, and who holds what.
- ``tasks``, ``client``: a worker's side.
- ``node``: the network around them.

What it is for:

- ``load``: hot keys.
- ``columns``, ``logistic``, ``mlp``, ``topics``: three models.
- ``trajectory``, ``staleness``: how much waiting is worth.
"""

from mlsys.distributed.parameter_server.client import Client, ParameterServerError
from mlsys.distributed.parameter_server.consistency import ASP, BSP, SSP, Backup, Consistency
from mlsys.distributed.parameter_server.group import Group, Table
from mlsys.distributed.parameter_server.node import run
from mlsys.distributed.parameter_server.tasks import KeyList, Task

__all__ = [
    "ASP",
    "BSP",
    "SSP",
    "Backup",
    "Client",
    "Consistency",
    "Group",
    "KeyList",
    "ParameterServerError",
    "Table",
    "Task",
    "run",
]
