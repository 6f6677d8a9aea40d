"""Anything that predicts, behind one face: named arrays in, named arrays out, known beforehand.

A model is named by ``MODULE:OBJECT`` or ``FILE.py:OBJECT``, and made in the worker process that
uses it: weights never travel. The object may be a `Model`, or a function without arguments that
returns one, or anything that `adapted` knows.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from mlsys.serving.server.tensors import NAMES, Array, Info, Spec


class Model(Protocol):
    """What a worker asks."""

    info: Info

    def predict(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Answer: arrays of the types and shapes that ``info`` announces."""


class ModelError(Exception):
    """There is no model of this name, or it cannot be used; the message says why."""


class Function:
    """A callable ``f(*inputs) -> output, or a tuple of outputs``, with what it takes and gives."""

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Spec],
        outputs: Sequence[Spec],
        *,
        name: str = "model",
        version: str = "1",
        platform: str = "python",
        batched: bool = True,
    ) -> None:
        self.info = Info(name, version, platform, tuple(inputs), tuple(outputs), batched)
        self._function = function

    def predict(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Call it with the inputs in the order in which they were announced."""
        given = self._function(*(inputs[spec.name] for spec in self.info.inputs))
        outputs = given if isinstance(given, tuple) else (given,)
        if len(outputs) != len(self.info.outputs):
            wanted = len(self.info.outputs)
            raise ModelError(f"the function gave {len(outputs)} outputs, {wanted} were announced")
        return {
            spec.name: np.ascontiguousarray(output)
            for spec, output in zip(self.info.outputs, outputs, strict=True)
        }


def of_estimator(estimator: Any, **about: Any) -> Function:
    """A fitted estimator of scikit-learn: probabilities if it has them, else predictions."""
    if not hasattr(estimator, "n_features_in_"):
        raise ModelError(f"{type(estimator).__name__} has not been fitted")
    method = estimator.predict_proba if hasattr(estimator, "predict_proba") else estimator.predict
    example = np.asarray(method(np.zeros((1, estimator.n_features_in_))))
    inputs = [Spec("x", "FP64", (estimator.n_features_in_,))]
    outputs = [Spec("y", NAMES[example.dtype], example.shape[1:])]
    return Function(method, inputs, outputs, platform="scikit-learn", **about)


def of_module(module: Any, example: Array, **about: Any) -> Function:
    """A module of `mlsys.foundations.nn`, in evaluation. example: an input, its batch included."""
    from mlsys.foundations.autodiff import Tensor, no_grad

    module.eval()

    def call(x: Array) -> Array:
        with no_grad():
            return np.asarray(module(Tensor(x)).data)

    return _shown(call, example, platform="mlsys-nn", **about)


def of_torch(module: Any, example: Array, **about: Any) -> Function:
    """A module of torch, or a program of ``torch.export``. example: as of `of_module`."""
    import torch

    if isinstance(module, torch.export.ExportedProgram):
        about = {"platform": "torch-export"} | about
        module = module.module()
    else:
        about = {"platform": "torch"} | about
        module.eval()

    def call(x: Array) -> Array:
        with torch.inference_mode():
            return np.asarray(module(torch.from_numpy(np.array(x))).numpy())

    return _shown(call, example, **about)


def _shown(call: Callable[[Array], Array], example: Array, **about: Any) -> Function:
    """What a function takes and gives is what an example shows."""
    given = call(example)
    inputs = [Spec("x", NAMES[example.dtype], example.shape[1:])]
    return Function(call, inputs, [Spec("y", NAMES[given.dtype], given.shape[1:])], **about)


def load(name: str) -> Model:
    """The model of this name: ``MODULE:OBJECT`` or ``FILE.py:OBJECT``. Raises `ModelError`."""
    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise ModelError(f"expected MODULE:OBJECT or FILE.py:OBJECT, got {name!r}")
    try:
        found = getattr(_module(where), attribute)
    except AttributeError:
        raise ModelError(f"{where} has no {attribute!r}") from None
    return adapted(found)


def adapted(found: Any) -> Model:
    """A model as it is, what a function returns, or an estimator. Raises `ModelError`."""
    if hasattr(found, "predict") and isinstance(getattr(found, "info", None), Info):
        model: Model = found
        return model
    if hasattr(found, "predict") and hasattr(found, "get_params"):
        return of_estimator(found)
    if callable(found):
        made = found()
        if not callable(made) or hasattr(made, "predict"):
            return adapted(made)
    raise ModelError(
        f"{found!r} is no model: expected an object with info and predict, a fitted estimator of "
        f"scikit-learn, or a function that returns one of these"
    )


def _module(where: str) -> ModuleType:
    if not where.endswith(".py"):
        try:
            return importlib.import_module(where)
        except ImportError as error:
            raise ModelError(f"there is no module {where!r} here: {error}") from error
    if not os.path.exists(where):
        raise ModelError(f"there is no file {where!r}")
    spec = importlib.util.spec_from_file_location("served_model", where)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["served_model"] = module
    spec.loader.exec_module(module)
    return module
