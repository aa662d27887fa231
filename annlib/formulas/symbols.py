"""The commands of LaTeX that formulas use, and the characters that they stand for."""

from __future__ import annotations

#: Letters, and words that stand for a quantity.
LETTERS = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "varepsilon": "ε",
    "eta": "η",
    "theta": "θ",
    "kappa": "κ",
    "lambda": "λ",
    "mu": "μ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "ell": "ℓ",
    "infty": "∞",
    "vdots": "⋮",
    "cdots": "⋯",
    "ldots": "…",
}

#: Functions, which stand before their argument.
FUNCTIONS = {name: name for name in ("max", "min", "log", "exp", "tanh", "cosh", "cos", "sin")} | {
    "Phi": "Φ",
    "phi": "φ",
    "surd": "√",
}

#: Operators with a space on both sides.
OPERATORS = {
    "+": "+",
    "-": "−",
    "=": "=",
    "<": "<",
    ">": ">",
    "*": "∗",
    "leftarrow": "←",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "sim": "~",
    "approx": "≈",
    "in": "∈",
    "cdot": "·",
    "times": "×",
    "odot": "⊙",
    "circledast": "⊛",
    "oplus": "⊕",
    "ominus": "⊖",
    "otimes": "⊗",
    "oslash": "⊘",
    "to": "→",
}

#: Operators that may have no left side, where they bind to what follows.
SIGNS = {"+", "-"}

#: Large operators and other prefixes, with nothing but a space behind them.
PREFIXES = {"sum": "Σ", "prod": "Π", "partial": "∂"}

OPENING = {"(": "(", "[": "[", "{": "{", "lvert": "|", "lVert": "‖", "lfloor": "⌊", "lceil": "⌈"}
CLOSING = {")": ")", "]": "]", "}": "}", "rvert": "|", "rVert": "‖", "rfloor": "⌋", "rceil": "⌉"}

#: Marks above a letter: the character that combines with the letter, and the one over it.
ACCENTS = {"hat": ("\u0302", "^"), "bar": ("\u0304", "¯"), "tilde": ("\u0303", "~")}

#: After a backslash.
SPACES = {",": " ", ";": " ", " ": " "}

SUBSCRIPTS = dict(
    zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
SUPERSCRIPTS = dict(zip("0123456789+-=()niTt", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀᵗ", strict=True))
