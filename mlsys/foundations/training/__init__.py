"""Training: from the gradient of a batch to a run that can be killed and goes on to the same end.

Read in this order:

optimizers   what one step does: momentum, Adam, as functions on arrays
variance     why descent is slow: curvature, noise, and what momentum and SVRG do about them
schedules    the step size as a function of the step
clipping     a gradient that is too long is shortened
cursor       which examples come next, a function of two whole numbers
large_batch  how many examples a step should have; LARS and LAMB
formats      numbers of 16 and 8 bits, rounded to the nearest and at random
precision    masters in float32, and a loss scaled so that gradients survive
checkpoint   the state of a run in one file, whole or not there
run          all that the next step depends on
loop         the steps
progress     a bar in a terminal
recipes      three runs on real data: ``python -m mlsys.foundations.training --help``
"""

from mlsys.foundations.training.checkpoint import Checkpoint, CheckpointError, latest, read, write
from mlsys.foundations.training.clipping import clip, global_norm
from mlsys.foundations.training.cursor import BatchCursor, WindowCursor
from mlsys.foundations.training.formats import (
    BFLOAT16,
    E4M3,
    E5M2,
    FLOAT16,
    Fixed,
    Floating,
    round_to,
    stochastic_round,
)
from mlsys.foundations.training.large_batch import LAMB, LARS, noise_scale, steps_to_target
from mlsys.foundations.training.loop import Diverged, Trainer
from mlsys.foundations.training.optimizers import SGD, AdamW, Optimizer, adamw, sgd
from mlsys.foundations.training.precision import LossScaler, low_precision, round_weights
from mlsys.foundations.training.run import History, Run
from mlsys.foundations.training.schedules import (
    Schedule,
    constant,
    cosine,
    inverse_square_root,
    step_decay,
    warm_up,
)

__all__ = [
    "BFLOAT16", "E4M3", "E5M2", "FLOAT16", "LAMB", "LARS", "SGD", "AdamW", "BatchCursor",
    "Checkpoint", "CheckpointError", "Diverged", "Fixed", "Floating", "History", "LossScaler",
    "Optimizer", "Run", "Schedule", "Trainer", "WindowCursor", "adamw", "clip", "constant",
    "cosine", "global_norm", "inverse_square_root", "latest", "low_precision", "noise_scale",
    "read", "round_to", "round_weights", "sgd", "step_decay", "steps_to_target",
    "stochastic_round", "warm_up", "write",
]  # fmt: skip
