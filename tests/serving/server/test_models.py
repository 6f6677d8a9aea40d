"""Models of every kind, against what they answer without us."""

from __future__ import annotations

import numpy as np
import pytest

from mlsys.serving.server.models import (
    Function,
    ModelError,
    adapted,
    load,
    of_estimator,
    of_module,
    of_torch,
)
from mlsys.serving.server.tensors import Spec, check_inputs, check_outputs

X = np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32)


def judged(model, x, expected):
    """It answers as expected, and as it has announced."""
    inputs = {"x": x}
    rows = check_inputs(model.info, inputs)
    outputs = model.predict(inputs)
    check_outputs(model.info, outputs, rows)
    np.testing.assert_allclose(outputs["y"], expected, rtol=1e-5)


def test_an_estimator_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.linear_model")
    targets = (X[:, 0] > 0).astype(int)
    classifier = sklearn.LogisticRegression().fit(X, targets)
    judged(of_estimator(classifier), X.astype(float), classifier.predict_proba(X.astype(float)))
    line = sklearn.LinearRegression().fit(X, X.sum(axis=1))
    judged(adapted(line), X.astype(float), X.sum(axis=1))
    with pytest.raises(ModelError, match="has not been fitted"):
        of_estimator(sklearn.LinearRegression())


def test_a_module_of_torch_and_an_exported_program():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Dropout(0.5), torch.nn.ReLU())
    expected = module.eval()(torch.from_numpy(X)).detach().numpy()
    model = of_torch(module, X)
    assert model.info.platform == "torch"
    judged(model, X, expected)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(module, (torch.from_numpy(X),), dynamic_shapes=({0: batch},))
    exported = of_torch(program, X)
    assert exported.info.platform == "torch-export"
    judged(exported, X[:2], expected[:2])


def test_a_module_of_the_book():
    from mlsys.foundations.nn import Linear, ReLU, Sequential

    rng = np.random.default_rng(0)
    module = Sequential(Linear(4, 6, rng=rng), ReLU(), Linear(6, 2, rng=rng))
    model = of_module(module, X)
    rows = [model.predict({"x": X[n : n + 1]})["y"][0] for n in range(len(X))]
    judged(model, X, np.array(rows))


def test_a_function_with_several_inputs_and_outputs():
    specs = [Spec("a", "FP32", (2,)), Spec("b", "FP32", (2,))]
    model = Function(lambda a, b: (a + b, a * b), specs, [Spec("sum", "FP32", (2,)), specs[0]])
    a, b = X[:, :2], X[:, 2:]
    found = model.predict({"b": b, "a": a})
    np.testing.assert_array_equal(found["sum"], a + b)
    with pytest.raises(ModelError, match="gave 1 outputs, 2 were"):
        Function(lambda a, b: a, specs, model.info.outputs).predict({"a": a, "b": b})


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nothing", "expected MODULE:OBJECT"), (":x", "expected MODULE:OBJECT"),
        ("no.such:x", "no module"), ("missing.py:x", "no file"), ("math:tau", "is no model"),
        ("math:nothing", "has no 'nothing'"),
    ],
)  # fmt: skip
def test_what_is_no_model_is_said(name, why):
    with pytest.raises(ModelError, match=why):
        load(name)
