"""One figure for each value of something that a reader moves: drawn at build, no kernel behind it.

A cell returns ``slider.Slider(frames)``, and the page says in words what a reader sees, in a
container that the script reads and the reader does not::

    :::{container} slider-words
    [Requests a second]{.label}

    [At {rate} requests a second {waiting} wait on average.]{.said}
    :::

The names in braces are those of a frame's facts, of letters and hyphens. Without the script the
first frame to be shown is the only one; on paper it is the one that was chosen last.
"""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib as mpl
from extension.drawings import themed, unique_ids
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Frame:
    """A drawing, what it shows (for those who do not see it), and the facts for a sentence."""

    drawing: Figure
    alt: str
    facts: Mapping[str, str]


class Slider:
    """Frames as HTML: what a notebook shows for the last value of a cell. start: shown first."""

    def __init__(self, frames: Sequence[Frame], start: int = 0) -> None:
        if not 0 <= start < len(frames):
            raise ValueError(f"start: expected a frame from 0 to {len(frames) - 1}, got {start}")
        self.frames, self.start = frames, start

    def _repr_html_(self) -> str:
        inside = "\n".join(self._figure(at) for at in range(len(self.frames)))
        return f'<div class="slider">\n{inside}\n</div>'

    def _figure(self, at: int) -> str:
        frame = self.frames[at]
        shown = " slider-shown" if at == self.start else ""
        facts = " ".join(
            f'data-{name}="{html.escape(value, quote=True)}"' for name, value in frame.facts.items()
        )
        svg = unique_ids(themed(_svg(frame.drawing), frame.alt), f"slider{at}")
        said = ", ".join(f"{name}: {value}" for name, value in frame.facts.items())
        caption = f"<figcaption>{html.escape(said)}</figcaption>"
        return f'<figure class="slider-frame{shown}" {facts}>\n{svg}\n{caption}\n</figure>'


def _svg(drawing: Figure) -> str:
    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "book"}):
        drawing.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()
