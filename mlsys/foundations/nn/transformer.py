"""The transformer: blocks that each add what they found to a stream of width d.

    x ──┬── norm1 ── attention ──┬──┬── norm2 ── linear1 ── GELU ── linear2 ──┬── x
        └────────────── + ───────┘  └─────────────────── + ───────────────────┘

A block holds 12 d^2 weights: 4 d^2 in attention (three projections in, one out), 8 d^2 in the two
linear layers, whose hidden width is 4 d. Each token meets each weight once: 24 d^2 operations.
Sources: Vaswani et al., "Attention is all you need", NeurIPS 2017; norms before, not after:
Xiong et al., "On layer normalization in the transformer architecture", ICML 2020.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mlsys.foundations.autodiff import Tensor, no_grad
from mlsys.foundations.autodiff.graph import Array
from mlsys.foundations.nn.attention import MultiHeadAttention
from mlsys.foundations.nn.initialization import normal
from mlsys.foundations.nn.layers import Dropout, Embedding, Linear
from mlsys.foundations.nn.module import Module
from mlsys.foundations.nn.normalization import LayerNorm


class TransformerBlock(Module):
    """x + attention(norm1(x)), then x + mlp(norm2(x)).

    Names as in ``torch.nn.TransformerEncoderLayer`` with norm_first: self_attn, linear1, linear2,
    norm1, norm2. Dropout stands behind attention and in the mlp, not on the attention weights.
    layers: of the model; what a block adds to the stream starts smaller by sqrt(2 layers).
    """

    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        dropout: float = 0.0,
        causal: bool = True,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
        layers: int = 1,
    ) -> None:
        inward, outward = normal(0.02), normal(0.02 / math.sqrt(2 * layers))
        self.self_attn = MultiHeadAttention(
            width, heads, rng=rng, causal=causal, dtype=dtype, initial=inward, initial_out=outward
        )
        self.linear1 = Linear(width, hidden, rng=rng, dtype=dtype, initial=inward)
        self.linear2 = Linear(hidden, width, rng=rng, dtype=dtype, initial=outward)
        self.norm1 = LayerNorm(width, dtype=dtype)
        self.norm2 = LayerNorm(width, dtype=dtype)
        self.dropout = Dropout(dropout, rng=rng)

    def forward(self, x: Any) -> Tensor:
        """x: (n, T, width); returns the same shape."""
        x = x + self.dropout(self.self_attn(self.norm1(x)))
        hidden = self.dropout(self.linear1(self.norm2(x)).gelu())
        return x + self.dropout(self.linear2(hidden))  # type: ignore[no-any-return]


class TransformerLM(Module):
    """A causal language model: embeddings of tokens and places, blocks, a norm, a head.

    tied: the head's weights are the token embeddings themselves, one array under two names.
    Source of the first values: Radford et al., "Language models are unsupervised multitask
    learners" (GPT-2), 2019: 0.02, and 0.02 / sqrt(2 layers) where a block adds to the stream.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        width: int,
        heads: int,
        layers: int,
        dropout: float = 0.0,
        tied: bool = True,
        *,
        rng: np.random.Generator,
        dtype: Any = np.float32,
    ) -> None:
        small = normal(0.02)
        self.tokens = Embedding(vocabulary, width, rng=rng, dtype=dtype, initial=small)
        self.positions = Embedding(context, width, rng=rng, dtype=dtype, initial=small)
        self.dropout = Dropout(dropout, rng=rng)
        self.blocks = [
            TransformerBlock(width, heads, 4 * width, dropout, rng=rng, dtype=dtype, layers=layers)
            for _ in range(layers)
        ]
        self.norm = LayerNorm(width, dtype=dtype)
        self.head = Linear(width, vocabulary, bias=False, rng=rng, dtype=dtype, initial=small)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids: Any) -> Tensor:
        """ids: (n, T) integers, T at most the context; returns logits (n, T, vocabulary)."""
        T, context = np.shape(ids)[-1], len(self.positions.weight)
        if context < T:
            raise ValueError(f"TransformerLM: {T} tokens, but only {context} places were learned")
        x = self.dropout(self.tokens(ids) + self.positions.weight[:T])
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]


def generate(
    model: TransformerLM,
    ids: Any,
    count: int,
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> Array:
    """ids (T,), followed by ``count`` tokens drawn one by one from the model's prediction.

    temperature: divides the logits; towards 0, the likeliest token always. Each token costs a pass
    over all that is in the context; nothing is kept between passes.
    """
    context = len(model.positions.weight)
    text = np.asarray(ids)
    with no_grad():
        for _ in range(count):
            logits = model(text[None, -context:]).numpy()[0, -1] / temperature
            gumbel = rng.gumbel(size=len(logits))  # argmax(logits + gumbel) draws from softmax
            text = np.append(text, np.argmax(logits + gumbel))
    return text
