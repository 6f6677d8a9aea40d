"""Three runs that end in minutes at most: an MLP and a CNN on digits, a transformer on a novel.

Each is built from a seed and a number of steps and from nothing else, so that the same command
gives the same parameters. The seed is spread over generators of their own for what is independent:
splitting the data, first values, moving the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsys.foundations.autodiff import Tensor, no_grad
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.datasets import Examples, alice, digits
from mlsys.foundations.nn import CNN, MLP, Module, TransformerLM, cross_entropy, generate
from mlsys.foundations.training.cursor import BatchCursor, WindowCursor
from mlsys.foundations.training.loop import Trainer
from mlsys.foundations.training.optimizers import AdamW
from mlsys.foundations.training.schedules import Schedule, cosine, warm_up


@dataclass(frozen=True)
class Recipe:
    """How to build a run from a seed and a number of steps, and what to say of it at the end."""

    build: Callable[[int, int], Trainer]
    steps: int
    report: Callable[[Trainer], str]


# ------------------------------------------------------------ digits


def digits_mlp(seed: int, steps: int) -> Trainer:
    """An MLP with two hidden layers."""
    _, draws, _ = _generators(seed)
    return _digits("digits-mlp", MLP([64, 256, 128, 10], rng=draws), seed, steps, lr=3e-3)


def digits_cnn(seed: int, steps: int) -> Trainer:
    """Two blocks of convolution, batch norm, ReLU and pooling."""
    _, draws, _ = _generators(seed)
    return _digits("digits-cnn", CNN(channels=(16, 32), rng=draws), seed, steps, lr=1e-2)


def _digits(name: str, model: Module, seed: int, steps: int, lr: float) -> Trainer:
    """A classifier of the digits: three quarters to train on, smoothed labels, moved images."""
    splits, _, moves = _generators(seed)
    train, test = digits().split(0.75, splits)

    def loss(model: Module, batch: Array) -> Tensor:
        images = moved(train.x[batch], moves)
        return cross_entropy(model(images[:, None]), train.y[batch], smoothing=0.1)

    return Trainer(
        model,
        AdamW(model.named_parameters(), lr),
        BatchCursor(len(train), 64, seed, drop_last=True),
        generators={"moves": moves},
        config={"recipe": name, "seed": seed, "steps": steps},
        loss=loss,
        schedule=_rise_and_fall(lr, steps),
        evaluate=lambda model: accuracy(model, test),
    )


def moved(images: Array, rng: np.random.Generator) -> Array:
    """Each image moved by at most a pixel, half of them in each direction not at all.

    images: (n, h, w); returns that shape, zeros at the border that an image has left.
    """
    n, h, w = images.shape
    down, across = rng.choice([0, 1, 1, 2], size=(2, n))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (h, w), axis=(1, 2))
    return windows[np.arange(n), down, across]  # type: ignore[no-any-return]


def accuracy(model: Any, examples: Examples) -> float:
    """The share of images that the model gives its largest logit to the right digit for."""
    with no_grad():
        logits = model(examples.x[:, None]).numpy()
    return float(np.mean(logits.argmax(1) == examples.y))


def _accuracy_at_the_end(run: Trainer) -> str:
    return f"test accuracy {run.history.evaluations[-1][1]:.1%}"


# ------------------------------------------------------------ a novel


WINDOW = 32  # characters that the model sees at once


def alice_lm(seed: int, steps: int) -> Trainer:
    """A transformer that predicts the next character of Alice's Adventures in Wonderland."""
    _, draws, _ = _generators(seed)
    characters, ids = _characters()
    train, test = np.split(ids, [len(ids) * 9 // 10])
    model = TransformerLM(len(characters), WINDOW, width=64, heads=4, layers=2, rng=draws)

    def loss(model: Module, starts: Array) -> Tensor:
        windows = train[starts[:, None] + np.arange(WINDOW + 1)]
        return cross_entropy(model(windows[:, :-1]), windows[:, 1:])

    return Trainer(
        model,
        AdamW(model.named_parameters(), lr=5e-3, betas=(0.9, 0.99), weight_decay=0.1),
        WindowCursor(len(train), WINDOW, batch=16, seed=seed),
        config={"recipe": "alice", "seed": seed, "steps": steps},
        loss=loss,
        schedule=_rise_and_fall(5e-3, steps),
        clip_at=1.0,
        evaluate=lambda model: bits_per_character(model, test),
        evaluate_every=500,
    )


def bits_per_character(model: Any, ids: Array) -> float:
    """Mean cross-entropy in bits over a text cut into windows: (characters,) integers."""
    windows = (len(ids) - 1) // WINDOW
    seen, wanted = (ids[i : i + windows * WINDOW].reshape(windows, WINDOW) for i in (0, 1))
    with no_grad():
        return cross_entropy(model(seen), wanted).item() / math.log(2)


def _characters() -> tuple[str, Array]:
    """The characters of the novel, and the novel as their indices."""
    text = alice()
    characters = "".join(sorted(set(text)))
    return characters, np.array([characters.index(c) for c in text])


def _bits_and_a_sample(run: Trainer) -> str:
    characters, _ = _characters()
    ids = generate(
        run.model.eval(),  # type: ignore[arg-type]
        [characters.index("A")],
        300,
        rng=np.random.default_rng(run.config["seed"]),
        temperature=0.8,
    )
    text = "".join(characters[i] for i in ids)
    return f"{run.history.evaluations[-1][1]:.2f} bits per character\n\n{text}"


# ------------------------------------------------------------ both


def _generators(seed: int) -> list[np.random.Generator]:
    """Independent generators for what must not depend on each other; the same at each call."""
    return np.random.default_rng(seed).spawn(3)


def _rise_and_fall(lr: float, steps: int) -> Schedule:
    rise = max(1, steps // 10)
    return warm_up(rise, cosine(lr, max(1, steps - rise)))


RECIPES = {
    "digits-mlp": Recipe(digits_mlp, 1500, _accuracy_at_the_end),
    "digits-cnn": Recipe(digits_cnn, 800, _accuracy_at_the_end),
    "alice": Recipe(alice_lm, 2500, _bits_and_a_sample),
}
