"""Contrast of the colours that the style sheet, the figures and the highlighter set (WCAG 2.1)."""

from __future__ import annotations

import re
from pathlib import Path

import figures
import pytest
import yaml
from pygments.styles import get_style_by_name

AA_TEXT, AA_GRAPHICS = 4.5, 3.0


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``."""
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.fixture(scope="module")
def themes(root: Path) -> dict[str, dict[str, str]]:
    """The colours of the light and the dark theme by the names of their variables."""
    css = (root / "book/_static/book.css").read_text(encoding="utf-8")
    found = {}
    for name in ("light", "dark"):
        block = re.search(rf'html\[data-theme="{name}"\] {{(.*?)}}', css, re.S)
        assert block
        found[name] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block[1]))
    return found


def test_contrast_is_known_at_the_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_colour_reads_on_every_paper(
    themes: dict[str, dict[str, str]], theme: str
) -> None:
    colours = themes[theme]
    texts = ["pst-color-text-base", "pst-color-text-muted", "pst-color-primary",
             "pst-color-secondary", "pst-color-inline-code", "planned", "figure-ink",
             "figure-muted", "pst-color-link-higher-contrast"]  # fmt: skip
    papers = ["pst-color-background", "pst-color-on-background", "pst-color-surface"]
    for text in texts:
        for paper in papers:
            assert contrast(colours[text], colours[paper]) >= AA_TEXT, (text, paper)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_target_of_a_link_stays_readable(themes: dict[str, dict[str, str]], theme: str) -> None:
    colours = themes[theme]
    for text in ("pst-color-text-base", "pst-color-primary"):
        assert contrast(colours[text], colours["pst-color-target"]) >= AA_TEXT


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_highlighted_code_reads_on_its_background(
    root: Path, themes: dict[str, dict[str, str]], theme: str
) -> None:
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    options = config["sphinx"]["config"]["html_theme_options"]
    style = get_style_by_name(options[f"pygments_{theme}_style"])
    paper = themes[theme]["pst-color-surface"]
    for token, rule in style:
        if rule["color"] and not rule["bgcolor"]:
            assert contrast(f"#{rule['color']}", paper) >= AA_TEXT, token


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_lines_of_figures_are_seen_on_the_page(
    themes: dict[str, dict[str, str]], theme: str
) -> None:
    for colour in figures.PALETTE:
        assert contrast(colour, themes[theme]["pst-color-background"]) >= AA_GRAPHICS, colour


def test_drawings_and_light_page_agree_on_ink_and_paper(themes: dict[str, dict[str, str]]) -> None:
    light = themes["light"]
    ours = [figures.INK, figures.MUTED, figures.GRID, figures.PAPER]
    assert ours == [light[f"figure-{name}"] for name in ("ink", "muted", "grid", "paper")]
    assert light["figure-paper"] == light["pst-color-background"]
