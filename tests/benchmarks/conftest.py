"""The benchmarks are scripts beside the packages; their folder is put on the path as a run does."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
