"""The block and the language model equal PyTorch's, weights moved by name through a file."""

import numpy as np
import pytest

from mlsys.foundations import nn
from mlsys.foundations.nn import TransformerBlock, TransformerLM, generate
from mlsys.foundations.nn.losses import cross_entropy

torch = pytest.importorskip("torch")
F = torch.nn.functional
V, CONTEXT, WIDTH, HEADS, LAYERS = 11, 7, 8, 2, 2


def floats(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def gelu(x):
    return F.gelu(x, approximate="tanh")


def torch_block(hidden=4 * WIDTH):
    return torch.nn.TransformerEncoderLayer(
        WIDTH, HEADS, hidden, 0.0, gelu, batch_first=True, norm_first=True
    )


class TorchLM(torch.nn.Module):
    """The same language model, written by a user of PyTorch."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.tokens = torch.nn.Embedding(V, WIDTH)
        self.positions = torch.nn.Embedding(CONTEXT, WIDTH)
        self.blocks = torch.nn.ModuleList([torch_block() for _ in range(LAYERS)])
        self.norm = torch.nn.LayerNorm(WIDTH)
        self.head = torch.nn.Linear(WIDTH, V, bias=False)
        if tied:
            self.head.weight = self.tokens.weight

    def forward(self, ids):
        mask = torch.nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        x = self.tokens(ids) + self.positions.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return self.head(self.norm(x))


def drawn(model):
    """First values are small or 0; draw all anew, so that each one matters."""
    rng = np.random.default_rng(1)
    for parameter in model.parameters():
        parameter.data[:] = rng.standard_normal(parameter.shape) * 0.3
    return model


def language_model(tied=True, dropout=0.0):
    rng = np.random.default_rng(0)
    return drawn(TransformerLM(V, CONTEXT, WIDTH, HEADS, LAYERS, dropout, tied, rng=rng))


IDS = np.random.default_rng(2).integers(0, V, (3, 6))
LABELS = np.random.default_rng(3).integers(0, V, (3, 6))


@pytest.mark.parametrize("causal", [False, True])
def test_block_equals_pytorch(causal, equal_to_torch) -> None:
    block = TransformerBlock(WIDTH, HEADS, 12, causal=causal, rng=np.random.default_rng(0))
    mask = torch.nn.Transformer.generate_square_subsequent_mask(5) if causal else None
    call = lambda module, x: module(x, src_mask=mask)  # noqa: E731
    equal_to_torch(drawn(block), torch_block(12), floats(3, 5, WIDTH), call)


@pytest.mark.parametrize("tied", [True, False])
def test_language_model_moves_to_pytorch_through_a_file_and_computes_the_same(
    tied, tmp_path
) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    ours, theirs = language_model(tied), TorchLM(tied)
    nn.save(tmp_path / "lm.safetensors", ours.state_dict())
    theirs.load_state_dict(safetensors.load_file(tmp_path / "lm.safetensors"), strict=True)
    loss = cross_entropy(ours(IDS), LABELS)
    logits = theirs(torch.tensor(IDS))
    loss_torch = F.cross_entropy(logits.reshape(-1, V), torch.tensor(LABELS).reshape(-1))
    np.testing.assert_allclose(ours(IDS).numpy(), logits.detach().numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(loss.item(), loss_torch.item(), rtol=1e-5)
    loss.backward()
    loss_torch.backward()
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        wanted = gradients[name].grad.numpy()
        np.testing.assert_allclose(parameter.grad, wanted, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("tied", [True, False])
def test_language_model_comes_back_from_pytorch_through_a_file(tied, tmp_path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    ours, theirs = language_model(tied), TorchLM(tied)
    # Its writer wants no memory shared between two names: a copy for each.
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    safetensors.save_file(state, tmp_path / "lm.safetensors")
    ours.load_state_dict(nn.load(tmp_path / "lm.safetensors")[0])
    with torch.no_grad():
        wanted = theirs(torch.tensor(IDS)).numpy()
    np.testing.assert_allclose(ours(IDS).numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_tied_head_is_one_array_and_its_gradient_has_both_parts() -> None:
    model = language_model()
    assert model.head.weight is model.tokens.weight
    assert len(model.parameters()) == len(language_model(tied=False).parameters()) - 1
    cross_entropy(model(IDS), LABELS).backward()
    twin = language_model(tied=False)
    twin.load_state_dict(model.state_dict())
    cross_entropy(twin(IDS), LABELS).backward()
    both = twin.tokens.weight.grad + twin.head.weight.grad
    np.testing.assert_allclose(model.tokens.weight.grad, both, atol=1e-6)


def test_a_prediction_depends_on_no_later_token() -> None:
    model, changed = language_model(), IDS.copy()
    changed[:, 4:] = (changed[:, 4:] + 1) % V
    np.testing.assert_array_equal(model(IDS).numpy()[:, :4], model(changed).numpy()[:, :4])


def test_first_predictions_are_nearly_even() -> None:
    model = TransformerLM(V, CONTEXT, WIDTH, HEADS, LAYERS, rng=np.random.default_rng(0))
    assert abs(cross_entropy(model(IDS), LABELS).item() - np.log(V)) < 0.1


class PostNorm(TransformerBlock):
    """The norms behind the sums, as in the first transformer."""

    def forward(self, x):
        x = self.norm1(x + self.self_attn(x))
        return self.norm2(x + self.linear2(self.linear1(x).gelu()))


def last_gradient(kind, layers, seed, width=32):
    """At the first step: the last block's gradient, and how large the stream is behind it."""
    rng = np.random.default_rng(seed)
    blocks = [kind(width, 4, 4 * width, rng=rng) for _ in range(layers)]
    for weight in (p for block in blocks for p in block.parameters() if p.ndim == 2):
        weight.data[:] = nn.initialization.glorot_uniform(weight.shape, rng)
    x = rng.standard_normal((4, 16, width)).astype(np.float32)
    head = nn.initialization.glorot_uniform((50, width), rng).astype(np.float32)
    for block in blocks:
        x = block(x)
    size = np.sqrt(np.mean(x.numpy() ** 2))
    last = nn.LayerNorm(width)(x) if kind is TransformerBlock else x
    cross_entropy(last @ head.T, rng.integers(0, 50, (4, 16))).backward()
    return np.linalg.norm(blocks[-1].linear2.weight.grad), size


def test_behind_a_deep_stack_the_gradient_is_small_with_norms_before_and_not_behind() -> None:
    def mean(kind, layers):
        return np.mean([last_gradient(kind, layers, seed) for seed in range(5)], axis=0)

    (shallow, small), (deep, large) = (mean(TransformerBlock, layers) for layers in (1, 24))
    assert deep < shallow / 2
    assert 0.6 < (deep * large) / (shallow * small) < 1.6, "it falls as the stream grows"
    assert mean(PostNorm, 24)[0] > 0.7 * mean(PostNorm, 1)[0]


def test_more_tokens_than_places_are_refused() -> None:
    with pytest.raises(ValueError, match="8 tokens, but only 7 places"):
        language_model()(np.zeros((1, 8), int))


def test_dropout_draws_from_the_generator_that_was_passed_in() -> None:
    one, other = (language_model(dropout=0.5) for _ in range(2))
    assert list(one.generators()) == ["dropout.rng"]
    np.testing.assert_array_equal(one(IDS).numpy(), other(IDS).numpy())
    assert not np.array_equal(one(IDS).numpy(), one(IDS).numpy())
    one.eval()
    np.testing.assert_array_equal(one(IDS).numpy(), one(IDS).numpy())


def test_generated_tokens_follow_the_models_distribution() -> None:
    model = language_model().eval()
    prompt = IDS[0]
    logits = model(prompt[None, :]).numpy()[0, -1].astype(float)
    p = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    rng, n = np.random.default_rng(0), 400
    drawn_next = [generate(model, prompt, 1, rng=rng)[-1] for _ in range(n)]
    counts = np.bincount(drawn_next, minlength=V)
    assert (np.abs(counts - n * p) < 6 * np.sqrt(n * p * (1 - p)) + 1).all()


def test_generation_goes_on_past_the_context_and_cold_is_greedy() -> None:
    model = language_model().eval()
    text = generate(model, IDS[0], 5, rng=np.random.default_rng(0), temperature=1e-6)
    assert len(text) == 11
    for t in range(6, 11):
        seen = text[max(0, t - CONTEXT) : t]
        assert text[t] == model(seen[None, :]).numpy()[0, -1].argmax()
