"""How do many machines train one model?

Modules, in reading order:

- ``cluster``: ranks, messages and clocks; simulated, on processes and on MPI.
- ``allreduce``: collective operations, what each costs, and which is best when.
- ``data_parallel``: one model on many ranks, its gradients averaged while they are computed.
- ``parameter_server``: a model on servers that all visit: how old a weight may be, and who has it.
- ``hogwild``: weights that all write to without a lock: when that does no harm.
"""
