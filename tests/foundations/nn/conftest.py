"""The oracle here: a module of ours and one of PyTorch's, compared in all they compute."""

import numpy as np
import pytest

from mlsys.foundations.autodiff import Tensor


@pytest.fixture
def equal_to_torch():
    """Return a function that moves weights by name, and compares outputs and all gradients."""
    torch = pytest.importorskip("torch")

    def compare(ours, theirs, x, call=lambda module, x: module(x), rtol=1e-5, atol=1e-5):
        state = {name: torch.tensor(array) for name, array in ours.state_dict().items()}
        theirs.load_state_dict(state, strict=True)
        a, b = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, y_torch = ours(a), call(theirs, b)
        near = {"rtol": rtol, "atol": atol}
        np.testing.assert_allclose(y.numpy(), y_torch.detach().numpy(), **near)
        g = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
        y.backward(g)
        y_torch.backward(torch.tensor(g))
        np.testing.assert_allclose(a.grad, b.grad.numpy(), **near)
        gradients = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
        assert {name for name, _ in ours.named_parameters()} == set(gradients)
        for name, parameter in ours.named_parameters():
            np.testing.assert_allclose(parameter.grad, gradients[name], err_msg=name, **near)

    return compare
