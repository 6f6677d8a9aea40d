"""Model files: exchanged with PyTorch, whole or not at all, and clear when they are not."""

import os
import pickle
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlsys.foundations import nn
from mlsys.foundations.nn import files

safetensors = pytest.importorskip("safetensors")

types = st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_])
arrays = types.flatmap(
    lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
)
texts = st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3)


@given(st.dictionaries(st.text(min_size=1, max_size=8), arrays, max_size=4), texts)
def test_what_is_saved_is_loaded(tmp_path_factory, state, metadata) -> None:
    state.pop("__metadata__", None)
    path = tmp_path_factory.mktemp("m") / "model.safetensors"
    nn.save(path, state, metadata)
    loaded, texts_loaded = nn.load(path)
    assert texts_loaded == metadata
    assert set(loaded) == set(state)
    for name, array in state.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no temporary file stays"


def test_views_are_saved_as_they_look_not_as_they_lie(tmp_path) -> None:
    """The library copies memory; a transposed view lies there in the other order."""
    x = np.arange(12.0).reshape(3, 4)
    views = {"transposed": x.T, "strided": x[:, ::2], "reversed": x[::-1], "big": x.astype(">f8")}
    nn.save(tmp_path / "views", views)
    loaded, _ = nn.load(tmp_path / "views")
    for name, view in views.items():
        np.testing.assert_array_equal(loaded[name], view)


def test_files_are_exchanged_with_pytorch(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    ours = nn.CNN(rng=np.random.default_rng(0))
    ours(np.random.default_rng(1).random((4, 1, 8, 8), np.float32))  # some running statistics
    nn.save(tmp_path / "ours", ours.state_dict(), {"epoch": "1"})
    for name, tensor in load_file(tmp_path / "ours").items():
        np.testing.assert_array_equal(tensor.numpy(), ours.state_dict()[name])
    theirs = {name: torch.tensor(array) for name, array in ours.state_dict().items()}
    save_file(theirs, tmp_path / "theirs")
    nn.CNN(rng=np.random.default_rng(5)).load_state_dict(nn.load(tmp_path / "theirs")[0])


# ------------------------------------------------------------------ all or nothing


def break_library(monkeypatch) -> None:
    """The disk is full in the middle of the file."""
    import safetensors.numpy

    def half(state, path, metadata):
        with open(path, "wb") as file:
            file.write(b"half a model")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.numpy, "save_file", half)


def break_call(name):
    def install(monkeypatch) -> None:
        def fail(*arguments):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(files.os, name, fail)

    return install


@pytest.mark.parametrize("break_it", [break_library, break_call("fsync"), break_call("replace")])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    break_it, monkeypatch, tmp_path
) -> None:
    path = tmp_path / "model.safetensors"
    nn.save(path, {"x": np.arange(3)})
    with monkeypatch.context() as broken:
        break_it(broken)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            nn.save(path, {"x": np.arange(1000)})
    np.testing.assert_array_equal(nn.load(path)[0]["x"], np.arange(3))
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_on_the_disk_before_it_gets_its_name(monkeypatch, tmp_path) -> None:
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        record = lambda *a, real=real, name=name: (calls.append(name), real(*a))[1]  # noqa: E731
        monkeypatch.setattr(files.os, name, record)
    nn.save(tmp_path / "model", {"x": np.arange(3)})
    assert calls[:2] == ["fsync", "replace"]


def test_a_file_is_open_for_writing_when_it_is_pushed_to_the_disk(monkeypatch, tmp_path) -> None:
    """Windows refuses to push through a handle that only reads, and to open a folder at all."""
    opened = []
    real = os.open

    def record(path, flags, *rest):
        opened.append((os.path.isdir(path), flags))
        return real(path, flags, *rest)

    path = tmp_path / "model"
    path.touch()
    with monkeypatch.context() as watched:
        watched.setattr(files.os, "open", record)
        files._push_to_disk(path)
        assert opened == [(False, os.O_RDWR)]
        watched.setattr(files.os, "name", "nt")
        files._push_to_disk(tmp_path)
        assert len(opened) == 1, "a folder was opened"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask to speak of")
@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_a_file_can_be_read_by_whom_open_would_let(mask, tmp_path) -> None:
    before = os.umask(mask)
    try:
        nn.save(tmp_path / "ours", {"x": np.arange(3)})
        (tmp_path / "plain").touch()
        assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode
        assert os.umask(mask) == mask, "the mask is as it was"
    finally:
        os.umask(before)


# ------------------------------------------------------------------ what is refused, and how


def test_a_damaged_file_is_named_wherever_it_was_cut(tmp_path) -> None:
    path = tmp_path / "model.safetensors"
    nn.save(path, {"x": np.arange(100.0), "y": np.ones(3)})
    whole = path.read_bytes()
    for length in (0, 5, 40, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(nn.ModelFileError, match=r"model\.safetensors: no safetensors file, or"):
            nn.load(path)


@pytest.mark.parametrize("text", [b"hello world, I am a text", b"\xff" * 64, b"{}"])
def test_a_file_of_another_kind_is_named(tmp_path, text) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(text)
    with pytest.raises(nn.ModelFileError, match=r"notes\.txt: no safetensors file"):
        nn.load(path)


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such file"):
        nn.load(tmp_path / "nowhere")


class Trap:
    """An object whose pickle, when loaded, runs code."""

    def __reduce__(self):
        return (pytest.fail, ("the pickle was loaded",))


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_is_refused_and_never_run(tmp_path, protocol) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(pickle.dumps(Trap(), protocol))
    with pytest.raises(nn.ModelFileError, match=r"this is a pickle.*safetensors\.torch\.save_file"):
        nn.load(path)


def test_a_file_of_torch_save_is_refused(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"x": torch.ones(3)}, tmp_path / "model.pt")
    with pytest.raises(nn.ModelFileError, match=r"as torch\.save writes it"):
        nn.load(tmp_path / "model.pt")


def test_types_that_numpy_lacks_are_named(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    for kind in (torch.bfloat16, torch.float8_e4m3fn):
        save_file({"fine": torch.ones(2), "norm.weight": torch.ones(3).to(kind)}, tmp_path / "m")
        with pytest.raises(
            nn.ModelFileError, match=r"norm\.weight is of type (BF16|F8_E4M3), which"
        ):
            nn.load(tmp_path / "m")


def test_what_the_format_cannot_hold_is_named_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(TypeError, match="words: arrays of <U5 have no place"):
        nn.save(tmp_path / "m", {"words": np.array(["hello"])})
    assert list(tmp_path.iterdir()) == []


def test_the_header_is_what_the_docstring_says(tmp_path) -> None:
    path = tmp_path / "m"
    nn.save(path, {"norm.weight": np.ones(64, np.float32)})
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    assert (
        b'"norm.weight":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}' in raw[8 : 8 + length]
    )
    assert raw[8 + length :] == np.ones(64, "<f4").tobytes()


def test_the_missing_library_is_named(monkeypatch, tmp_path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ImportError, match=r"pip install 'mlsys\[models\]'"):
        nn.save(tmp_path / "m", {})
