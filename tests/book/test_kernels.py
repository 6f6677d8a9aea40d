"""Cells: outputs are reused only while everything they could import is unchanged."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from extension.kernels import isolate, report, sources_hash


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(text, encoding="utf-8")
    return root


def test_the_hash_changes_with_each_source_and_with_its_name_only(tmp_path: Path) -> None:
    patterns = ["mlsys/**/*.py"]
    before = sources_hash(tree(tmp_path, mlsys__a="1", other="1"), patterns)
    assert sources_hash(tree(tmp_path, other="2"), patterns) == before
    changed = sources_hash(tree(tmp_path, mlsys__a="2"), patterns)
    added = sources_hash(tree(tmp_path, mlsys__deep__b="1"), patterns)
    assert len({before, changed, added}) == 3
    (tmp_path / "mlsys/deep/b.py").rename(tmp_path / "mlsys/deep/c.py")
    assert sources_hash(tmp_path, patterns) != added
    (tmp_path / "mlsys/deep/c.py").unlink()
    assert sources_hash(tree(tmp_path, mlsys__a="1"), patterns) == before


def test_kernels_keep_their_settings_in_the_build_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, "somewhere else")
    isolate(tmp_path)
    assert os.environ["IPYTHONDIR"].startswith(str(tmp_path))
    assert os.environ["MPLCONFIGDIR"].startswith(str(tmp_path))
    assert list(tmp_path.rglob("ipython_kernel_config.py"))


def built(root: Path, **seconds: float) -> SimpleNamespace:
    metadata = {name: {"exec_data": {"runtime": s}} for name, s in seconds.items()}
    environment = SimpleNamespace(nb_metadata={**metadata, "prose": {}})
    return SimpleNamespace(env=environment, outdir=str(root / "html"))


def test_the_times_of_all_chapters_are_written_for_the_budget_report(tmp_path: Path) -> None:
    report(built(tmp_path, ring=3.14159, tree=12.0), None)
    times = json.loads((tmp_path / "chapter-times.json").read_text(encoding="utf-8"))
    assert times == {"ring": 3.14, "tree": 12.0}


@pytest.mark.parametrize(("seconds", "warns"), [(29.0, False), (31.0, True)])
def test_over_twice_its_share_a_chapter_is_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, warns: bool
) -> None:
    said: list[str] = []
    monkeypatch.setattr("extension.kernels.log.warning", lambda text, *args: said.append(text))
    report(built(tmp_path, ring=seconds), None)
    assert bool(said) == warns


def test_a_failed_build_leaves_the_old_times(tmp_path: Path) -> None:
    report(built(tmp_path, ring=1.0), RuntimeError("broken"))
    assert not (tmp_path / "chapter-times.json").exists()
