"""How is a model answered with, under a deadline?

Modules, in reading order:

- ``batching``: who goes together, who waits, who is turned away; on a virtual clock and a real one.
- ``server``: the life of a request, workers that die, versions that change; ``mlsys[serving]``.
- ``pipelines``: graphs of models, planned, tuned and shared; cascades and early exit.
"""
