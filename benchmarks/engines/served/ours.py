"""What our own server is asked to serve: ours.py:mlp and ours.py:cnn."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from models import CNN, MLP, example, made

from mlsys.serving.server.models import Function, of_torch


def mlp() -> Function:
    """See `models`."""
    return of_torch(made(MLP), example(MLP), name=MLP)


def cnn() -> Function:
    """See `models`."""
    return of_torch(made(CNN), example(CNN), name=CNN)
