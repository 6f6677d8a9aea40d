"""The same models in PyTorch, eager, on one thread, with the fused optimisers of torch.optim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from race import Entry, Results

from engines.models import STEPS, Convolutional, Language, Perceptron, Problem, batch


class PyTorchModels:
    """torch.nn and torch.optim."""

    def __init__(self) -> None:
        torch.set_num_threads(1)
        self.version = torch.__version__

    def step(self, p: Problem) -> Entry:
        """One training step."""
        model = build(p)
        optimizer, (inputs, labels) = optimizer_of(p, model), map(torch.from_numpy, batch(p))

        def work() -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_of(model, inputs, labels)
            loss.backward()
            optimizer.step()
            return loss

        def results() -> Results:
            losses = np.array([work().item() for _ in range(STEPS)])
            state = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
            return {"losses": losses} | state

        return Entry(work, results)

    mlp = cnn = transformer = step


def build(p: Problem) -> torch.nn.Module:
    """The same model. Its first weights are those of ours: drawn once, loaded by name."""
    model = _BUILD[type(p)](p)
    state = {name: torch.from_numpy(array) for name, array in p.build().state_dict().items()}
    model.load_state_dict(state)
    return model


def optimizer_of(p: Problem, model: torch.nn.Module) -> torch.optim.Optimizer:
    """The same optimiser, in one kernel."""
    if isinstance(p, Perceptron):
        return torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)
    return torch.optim.AdamW(model.parameters(), 1e-3, fused=True)


def loss_of(model: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy."""
    return F.cross_entropy(model(inputs).flatten(0, -2), labels.flatten())


def _perceptron(p: Perceptron) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 128), torch.nn.ReLU(), torch.nn.Linear(128, 10)
    )


def _convolutional(p: Convolutional) -> torch.nn.Module:
    layers: list[torch.nn.Module] = []
    for inputs, outputs in ((1, p.channels[0]), p.channels):
        layers += [
            torch.nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            torch.nn.BatchNorm2d(outputs),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
        ]
    features = p.channels[1] * (p.x.shape[-1] // 4) ** 2
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(features, 10))


class _Attention(torch.nn.Module):
    """Packed self-attention through ``scaled_dot_product_attention``: torch's quickest way."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.in_proj_weight = torch.nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = torch.nn.Parameter(torch.empty(3 * width))
        self.out_proj = torch.nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, d = x.shape
        packed = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        q, k, v = packed.view(B, T, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).reshape(B, T, d))


class _Block(torch.nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = _Attention(width, heads)
        self.linear1 = torch.nn.Linear(width, 4 * width)
        self.linear2 = torch.nn.Linear(4 * width, width)
        self.norm1 = torch.nn.LayerNorm(width)
        self.norm2 = torch.nn.LayerNorm(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attn(self.norm1(x))
        return x + self.linear2(F.gelu(self.linear1(self.norm2(x)), approximate="tanh"))


class _TransformerLM(torch.nn.Module):
    def __init__(self, p: Language) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(p.vocabulary, p.width)
        self.positions = torch.nn.Embedding(p.ids.shape[1] - 1, p.width)
        self.blocks = torch.nn.ModuleList(_Block(p.width, p.heads) for _ in range(p.layers))
        self.norm = torch.nn.LayerNorm(p.width)
        self.head = torch.nn.Linear(p.width, p.vocabulary, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


_BUILD: dict[type, Callable[[Any], torch.nn.Module]] = {
    Perceptron: _perceptron,
    Convolutional: _convolutional,
    Language: _TransformerLM,
}
