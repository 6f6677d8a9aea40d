"""Measurement: what a program costs, predicted, counted and timed.

Read in this order:

- ``timing``: how long a call takes, with an interval; which of two is faster.
- ``percentiles``: what the slowest requests see; exact, and in bounded memory.
- ``load``: what a load test measures, and what it leaves out.
- ``operators``: a network as a list of records, one per operator.
- ``cost``: the operations and bytes of an operator, from its shapes alone.
- ``counted``: an array that counts what NumPy does to it; it keeps ``cost`` honest.
- ``roofline``: the least time a machine needs for so many operations and bytes.
- ``scaling``: what more workers can and cannot buy.
- ``meter``: live and peak bytes, allocations, operations.
- ``trace``: what happened, where, from when to when.
"""
