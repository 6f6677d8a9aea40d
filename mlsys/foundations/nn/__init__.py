"""A model is a tree of named arrays, and a function of it and an input.

Read in this order:

module          the tree: parameters, buffers, names, and the state dict that leaves the process
initialization  first values: why their variance decides how deep a model may be
layers          linear, convolution, embedding, dropout; and their sequence
normalization   layer norm and batch norm, whose statistics are hidden state
attention       three equations, and the heads
transformer     the block, and the language model made of it
models          an MLP and a CNN
losses          the number that training lowers
files           a state dict as a file, and back; all or nothing
tokenizer       text as the numbers that a language model reads
count           parameters, activations and FLOPs, before anything runs
"""

from mlsys.foundations.nn.attention import MultiHeadAttention
from mlsys.foundations.nn.count import ModelCost, count
from mlsys.foundations.nn.files import ModelFileError, load, save
from mlsys.foundations.nn.layers import (
    GELU,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
)
from mlsys.foundations.nn.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    mean_squared_error,
)
from mlsys.foundations.nn.models import CNN, MLP
from mlsys.foundations.nn.module import Module, Parameter, StateError
from mlsys.foundations.nn.normalization import BatchNorm, LayerNorm
from mlsys.foundations.nn.tokenizer import BytePairEncoding
from mlsys.foundations.nn.transformer import TransformerBlock, TransformerLM, generate

__all__ = [
    "CNN", "GELU", "MLP", "BatchNorm", "BytePairEncoding", "Conv2d", "Dropout", "Embedding",
    "Flatten", "LayerNorm", "Linear", "MaxPool2d", "ModelCost", "ModelFileError", "Module",
    "MultiHeadAttention", "Parameter", "ReLU", "Sequential", "StateError", "TransformerBlock",
    "TransformerLM", "binary_cross_entropy_with_logits", "count", "cross_entropy", "generate",
    "load", "mean_squared_error", "save",
]  # fmt: skip
