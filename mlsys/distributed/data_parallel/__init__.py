"""Data parallelism: the same model on every rank, each with its own examples, one average gradient.

Read in this order:

- ``buckets``: small gradients travel together.
- ``ready``: when a gradient is complete, while the walk goes on.
- ``progress``: collective operations that go on while the program does something else.
- ``negotiation``: which gradients are ready on all ranks.
- ``reducer``: gradients in, averages out.
- ``broadcast``: all ranks begin with rank 0's state.
- ``optimizer``: a distributed optimiser around one of ours.
- ``torch_optimizer``: and around one of PyTorch's.
- ``trainer``: a run of the training chapter on many ranks.
- ``training``: real runs: ``python -m mlsys.distributed.data_parallel --help``.
- ``overlap``: how much of the communication hides behind the computation.
- ``compression``: fewer bytes, and what was left out the next time.
- ``local_sgd``: average weights now and then, and when.
- ``gossip``: average with neighbours only.
- ``elastic``: ranks die, leave and join.
- ``scaling``: what is left of a hundred machines' speed.
"""
