"""exp, log, log1p and tanh in LLVM's language, of which a loop computes several at a time.

Each is inlined, so that LLVM makes vectors of it; those of C compute one number after the other.
They are right to a few units in the last place, and at NaN, at infinities and near 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class _Type(NamedTuple):
    """What the functions of a type need to know of it."""

    name: str
    of_bits: str
    suffix: str
    digits: int
    bias: int
    #: Added to a small number, its last digits hold that number rounded to a whole one.
    magic: float
    #: ln 2 in two parts, the first with so few digits that a multiple of it is exact.
    ln2: tuple[float, float]
    lowest: float
    highest: float
    #: From where tanh is 1.
    flat: float
    terms: int
    log_terms: int
    tiny: float


_F = _Type(
    *("float", "i32", "f32", 23, 127, 12582912.0, (0.693359375, -2.12194440e-4)),
    *(-104.0, 89.0, 10.0, 8, 6, float(np.finfo("f").tiny)),
)
_D = _Type(
    *("double", "i64", "f64", 52, 1023, 6755399441055744.0),
    (6.93147180369123816490e-01, 1.90821492927058770002e-10),
    *(-746.0, 710.0, 22.0, 14, 12, float(np.finfo("d").tiny)),
)


class _Body:
    """Lines of a function of one number."""

    def __init__(self, type_: _Type) -> None:
        self.type, self._count = type_, 0
        self.lines: list[str] = []

    def say(self, text: str) -> str:
        self._count += 1
        self.lines.append(f"  %t{self._count} = {text}")
        return f"%t{self._count}"

    def real(self, number: float) -> str:
        """A number as LLVM reads it: the bits of a double."""
        exact = float(np.float32(number)) if self.type.suffix == "f32" else number
        return f"0x{int(np.float64(exact).view(np.uint64)):016X}"

    def do(self, verb: str, *values: str) -> str:
        return self.say(f"{verb} {self.type.name} {', '.join(values)}")

    def fma(self, a: str, b: str, c: str) -> str:
        t = self.type
        call = f"{t.name} @llvm.fmuladd.{t.suffix}"
        return self.say(f"call {call}({t.name} {a}, {t.name} {b}, {t.name} {c})")

    def select(self, test: str, a: str, b: str) -> str:
        return self.say(f"select i1 {test}, {self.type.name} {a}, {self.type.name} {b}")

    def held(self, x: str, low: float | None, high: float) -> str:
        """X between two numbers; NaN stays."""
        if low is not None:
            x = self.select(self.do("fcmp olt", x, self.real(low)), self.real(low), x)
        return self.select(self.do("fcmp ogt", x, self.real(high)), self.real(high), x)

    def polynomial(self, x: str, coefficients: list[float]) -> str:
        value = self.real(coefficients[-1])
        for c in reversed(coefficients[:-1]):
            value = self.fma(value, x, self.real(c))
        return value

    def reduced(self, x: str) -> tuple[str, str]:
        """The whole n nearest to x / ln 2, and r = x - n ln 2."""
        t = self.type
        shifted = self.fma(x, self.real(1 / math.log(2)), self.real(t.magic))
        n = self.do("fsub", shifted, self.real(t.magic))
        negative = self.do("fneg", n)
        r = self.fma(negative, self.real(t.ln2[0]), x)
        r = self.fma(negative, self.real(t.ln2[1]), r)
        bits = self.say(f"bitcast {t.name} {shifted} to {t.of_bits}")
        base = np.array(t.magic, "f" if t.suffix == "f32" else "d").view(
            np.int32 if t.suffix == "f32" else np.int64
        )
        return self.say(f"sub {t.of_bits} {bits}, {int(base)}"), r

    def power_of_two(self, n: str) -> str:
        t = self.type
        biased = self.say(f"add {t.of_bits} {n}, {t.bias}")
        shifted = self.say(f"shl {t.of_bits} {biased}, {t.digits}")
        return self.say(f"bitcast {t.of_bits} {shifted} to {t.name}")

    def exp_less_1(self, r: str) -> str:
        """exp(r) - 1 of a small number."""
        factors = [1 / math.factorial(k) for k in range(1, self.type.terms)]
        return self.do("fmul", self.polynomial(r, factors), r)

    def written(self, name: str, result: str) -> str:
        t, body = self.type, "\n".join(self.lines)
        head = f"define internal {t.name} @annlib.{name}.{t.suffix}({t.name} %x) alwaysinline"
        return f"{head} {{\n{body}\n  ret {t.name} {result}\n}}\n"


def _exp(t: _Type) -> str:
    b = _Body(t)
    n, r = b.reduced(b.held("%x", t.lowest, t.highest))
    p = b.do("fadd", b.exp_less_1(r), b.real(1.0))
    half = b.say(f"ashr {t.of_bits} {n}, 1")  # 2^n alone may be no number of the type
    other = b.say(f"sub {t.of_bits} {n}, {half}")
    once = b.do("fmul", p, b.power_of_two(half))
    return b.written("exp", b.do("fmul", once, b.power_of_two(other)))


def _tanh(t: _Type) -> str:
    b = _Body(t)
    size = b.say(f"call {t.name} @llvm.fabs.{t.suffix}({t.name} %x)")
    size = b.held(size, None, t.flat)
    n, r = b.reduced(b.do("fadd", size, size))
    s = b.power_of_two(n)
    e = b.fma(s, b.exp_less_1(r), b.do("fsub", s, b.real(1.0)))
    value = b.do("fdiv", e, b.do("fadd", e, b.real(2.0)))
    sign = f"call {t.name} @llvm.copysign.{t.suffix}({t.name} {value}, {t.name} %x)"
    return b.written("tanh", b.say(sign))


def _log_of(b: _Body, x: str) -> str:
    t = b.type
    small = b.do("fcmp olt", x, b.real(t.tiny))
    scaled = b.select(small, b.do("fmul", x, b.real(2.0**t.digits)), x)
    bits = b.say(f"bitcast {t.name} {scaled} to {t.of_bits}")
    single = t.suffix == "f32"
    root = np.array(math.sqrt(0.5), "f" if single else "d")
    base = int(root.view(np.int32 if single else np.int64))
    shifted = b.say(f"sub {t.of_bits} {bits}, {base}")
    exponent = b.say(f"ashr {t.of_bits} {shifted}, {t.digits}")
    mantissa = b.say(f"and {t.of_bits} {shifted}, {(1 << t.digits) - 1}")
    mantissa = b.say(f"add {t.of_bits} {mantissa}, {base}")
    m = b.say(f"bitcast {t.of_bits} {mantissa} to {t.name}")
    e = b.say(f"sitofp {t.of_bits} {exponent} to {t.name}")
    e = b.select(small, b.do("fsub", e, b.real(float(t.digits))), e)
    f = b.do("fsub", m, b.real(1.0))
    s = b.do("fdiv", f, b.do("fadd", f, b.real(2.0)))
    z = b.do("fmul", s, s)
    series = b.polynomial(z, [2 / (2 * k + 1) for k in range(t.log_terms)])
    value = b.fma(s, series, b.do("fmul", e, b.real(t.ln2[1])))
    value = b.fma(e, b.real(t.ln2[0]), value)
    infinite = b.do("fcmp oeq", x, b.real(math.inf))
    value = b.select(infinite, x, value)
    nan = b.do("fcmp ult", x, b.real(0.0))
    value = b.select(nan, b.real(math.nan), value)
    zero = b.do("fcmp oeq", x, b.real(0.0))
    return b.select(zero, b.real(-math.inf), value)


def _log(t: _Type) -> str:
    b = _Body(t)
    return b.written("log", _log_of(b, "%x"))


def _log1p(t: _Type) -> str:
    b = _Body(t)
    u = b.do("fadd", "%x", b.real(1.0))
    lost = b.do("fsub", b.do("fsub", u, b.real(1.0)), "%x")
    whole = _log_of(b, u)
    value = b.do("fsub", whole, b.do("fdiv", lost, u))
    # What is lost cannot be told where u is infinite or 0.
    finite = b.do("fcmp olt", u, b.real(math.inf))
    above = b.do("fcmp ogt", u, b.real(0.0))
    value = b.select(b.say(f"and i1 {finite}, {above}"), value, whole)
    return b.written("log1p", b.select(b.do("fcmp oeq", u, b.real(1.0)), "%x", value))


_MADE = {"exp": _exp, "tanh": _tanh, "log": _log, "log1p": _log1p}
_NEEDED = ("fmuladd", "fabs", "copysign")


def definitions(used: Iterable[str]) -> str:
    """The functions of these names (``annlib.exp.f32``), and the declarations of LLVM's own."""
    parts: list[str] = []
    declared = {name for name in used if name.startswith("llvm.")}
    for name in sorted(set(used) - declared):
        _, function, suffix = name.split(".")
        parts.append(_MADE[function](_F if suffix == "f32" else _D))
        declared.update(f"llvm.{each}.{suffix}" for each in _NEEDED)
    heads = []
    for name in sorted(declared):
        kind = {"f32": "float", "f64": "double", "i64": "i64"}[name.rpartition(".")[2]]
        function = name.split(".")[1]
        two = function in ("maximum", "minimum", "copysign", "smax", "smin")
        count = 3 if function == "fmuladd" else 2 if two else 1
        heads.append(f"declare {kind} @{name}({', '.join([kind] * count)})")
    return "\n".join([*heads, "", *parts])
