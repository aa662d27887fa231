"""What is printed: in ASCII where stdout has no more, and above others' progress bars."""

from __future__ import annotations

import re
import sys
import unicodedata

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("─═⋯", "-"),
        **dict.fromkeys("⎪⎢⎥⋮‖", "|"),
        **dict.fromkeys("⎡⎣⌊⌈", "["),
        **dict.fromkeys("⎤⎦⌋⌉", "]"),
        **dict.fromkeys("⎧⎨⎩", "{"),
        **dict.fromkeys("⎫⎬⎭", "}"),
        **dict.fromkeys("·⊙∗⊛", "*"),
        **dict.fromkeys("×⊗", "x"),
        **dict.fromkeys("−—⊖¯", "-"),
        "⊕": "+",
        "⁻": "-",
        "\u0302": "_hat",
        "\u0303": "_tilde",
        "\u0304": "_bar",
        "⊘": "/",
        "⋱": "\\",
        "…": "...",
        "←": "=",
        "→": "->",
        "↳": ">",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "∈": "in",
        "∞": "inf",
        "√": "sqrt",
        "∂": "d",
        "∇": "grad ",
        "Σ": "sum",
        "∑": "sum",
        "Π": "prod",
        "∏": "prod",
        "ℓ": "l",
        "✓": "+",
        "✗": "x",
        "▸": ">",
        "▾": "v",
        "ᵀ": "'",
        "λ": "lambda",
        "“": '"',
        "”": '"',
    }
)
#: Where a power would run into what it is of: 0.9² is no 0.92.
_POWER = re.compile("(?<=[0-9)\\]}₀₁₂₃₄₅₆₇₈₉ᵢⱼᵣₜ])(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵗ])")
_ROOT = re.compile(r"√(?![(\s]|$)")
_LETTER = re.compile(r"(LATIN|GREEK) (SMALL|CAPITAL) LETTER (\w+)")


def to_ascii(text: str) -> str:
    r"""The text with signs and letters that mean the same to a reader.

    >>> to_ascii("σ(zᵢ) ≤ x² · θ, Jørgensen"), to_ascii("日")
    ('sigma(zi) <= x2 * theta, Jorgensen', '\\u65e5')
    """
    text = _POWER.sub("^", _ROOT.sub("√ ", text))
    return "".join(c if c.isascii() else _ascii(c) for c in text.translate(_SIGNS))


def _ascii(character: str) -> str:
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain:
        return plain
    named = _LETTER.match(unicodedata.name(character, ""))
    if named is None:
        return character.encode("ascii", "backslashreplace").decode()
    return named[3].lower() if named[2] == "SMALL" else named[3].capitalize()


def for_stdout(text: str) -> str:
    """The text as stdout can show it: as it is, or in ASCII."""
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return to_ascii(text)
    return text


def write_line(text: str) -> None:
    """Print a line at once; progress bars, a user's own too, make room for it and stay whole."""
    text = for_stdout(text)
    tqdm = sys.modules.get("tqdm")
    if tqdm is None or not getattr(tqdm.tqdm, "_instances", None):
        sys.stdout.write(f"{text}\n")
    else:
        tqdm.tqdm.write(text, file=sys.stdout)
    sys.stdout.flush()


class Printed:
    """To inherit from: ``print`` shows the ``repr`` on any stdout."""

    def __str__(self) -> str:
        return for_stdout(repr(self))
