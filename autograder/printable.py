"""Text that students control, made fit to be shown: visible, bounded and encodable.

A submission chooses its author's name and the messages of its exceptions. Terminal escapes,
bidirectional overrides, lone surrogates or a megabyte of noise in them must not reach a page, a
table or a terminal.
"""

from __future__ import annotations

_SIGN_OF_CONTROL = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"}
_UNSHOWABLE = (
    *range(0x80, 0xA0),  # C1 controls: some terminals obey them
    *(0x2028, 0x2029, 0xFEFF),  # line separators that are no line ends, byte-order mark
    *range(0x202A, 0x202F),  # bidirectional embeddings and overrides
    *range(0x2066, 0x206A),  # bidirectional isolates
    *range(0xD800, 0xE000),  # lone surrogates have no UTF-8 form
    *(0xFFFE, 0xFFFF),
)
_TABLE = {**_SIGN_OF_CONTROL, 0x7F: 0x2421, **dict.fromkeys(_UNSHOWABLE, 0xFFFD)}


def printable(text: str, *, characters: int, lines: int = 1) -> str:
    r"""Return ``text`` with controls made visible, at most about ``characters`` long.

    lines: how many lines may stay; with 1, line ends and tabs become signs as well.
    A note at the end says that something was cut.

    >>> printable("a\x1b[31m\r\nb", characters=80, lines=2)
    'a␛[31m\nb'
    >>> printable("=1\n2", characters=80)
    '=1␤2'
    >>> printable("x" * 1_000_000, characters=4)
    'xxxx … [999,996 more characters cut]'
    """
    kept = text[:characters].replace("\r\n", "\n").translate(_TABLE)
    kept = _one_line(kept) if lines == 1 else _first_lines(kept, lines)
    cut = len(text) - characters
    return f"{kept} … [{cut:,} more characters cut]" if cut > 0 else kept


def _one_line(text: str) -> str:
    return text.replace("\n", "\N{SYMBOL FOR NEWLINE}").replace("\t", " ")


def _first_lines(text: str, lines: int) -> str:
    rows = text.split("\n")
    if len(rows) <= lines:
        return text
    return "\n".join([*rows[:lines], "… [more lines cut]"])  # how many, a text cut before hides
