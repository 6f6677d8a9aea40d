"""Simulation: a thousand machines on one, with a clock that nothing has to wait for.

Read in this order:

- ``events``: what happens next, and when it is now.
- ``arrivals``: when work comes, from steady to bursty, and how bursty it is.
- ``service``: how long work takes; distributions with their known moments.
- ``queues``: servers with a line before them, and the law that checks the bookkeeping.
- ``dispatch``: many stations, and which of them gets the next job.
- ``intervals``: how sure one run can be of its averages.
"""
