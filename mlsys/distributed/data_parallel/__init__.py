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
- ``scaling``: what is left of so many machines' speed.
- ``compression``: fewer bytes, and what it takes that nothing is lost for good.
- ``local_sgd``, ``gossip``: averages now and then, and with neighbours only.
- ``elastic``: ranks leave and join.
"""

from mlsys.distributed.data_parallel.broadcast import (
    broadcast_arrays,
    broadcast_object,
    broadcast_state,
    same_bits,
)
from mlsys.distributed.data_parallel.buckets import CAP, Spec, assign_buckets, flatten, unflatten
from mlsys.distributed.data_parallel.negotiation import Mismatch
from mlsys.distributed.data_parallel.optimizer import DistributedOptimizer
from mlsys.distributed.data_parallel.progress import Driver, Progress, agreement, ring_transfer
from mlsys.distributed.data_parallel.ready import gradients
from mlsys.distributed.data_parallel.reducer import Reducer
from mlsys.distributed.data_parallel.torch_optimizer import (
    TorchDistributedOptimizer,
    broadcast_torch_state,
)
from mlsys.distributed.data_parallel.trainer import DistributedTrainer, distributed

__all__ = [
    "CAP", "DistributedOptimizer", "DistributedTrainer", "Driver", "Mismatch", "Progress",
    "Reducer", "Spec", "TorchDistributedOptimizer", "agreement", "assign_buckets",
    "broadcast_arrays", "broadcast_object", "broadcast_state", "broadcast_torch_state",
    "distributed", "flatten", "gradients", "ring_transfer", "same_bits", "unflatten",
]  # fmt: skip
