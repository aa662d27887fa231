"""Notes as machine code: the text that LLVM compiles, in which no size and no address stands.

Everything that one model has and another has not (addresses, sizes, steps, numbers) is read from a
table at run time, so that one compilation serves networks of all widths. Runs of elementwise notes
of one shape become one loop, in which a number stays in a register from one note to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.compiling import machine, products
from annlib.compiling.layout import (
    Blas,
    Table,
    View,
    collapsed,
    grouped,
    laid,
    stretches,
    view,
)
from annlib.compiling.notes import Dot, Guard, Map, Note, Put, Reduce, Take
from annlib.compiling.vector_math import definitions
from annlib.core.arrays import Array

_TYPE = {"f": "float", "d": "double", "?": "i8", "l": "i64", "q": "i64"}
_FLOATS = {"f": "f32", "d": "f64"}
_COMPARED = {
    "less": ("olt", "slt"),
    "less_equal": ("ole", "sle"),
    "greater": ("ogt", "sgt"),
    "greater_equal": ("oge", "sge"),
    "equal": ("oeq", "eq"),
    "not_equal": ("une", "ne"),
}
_TESTED = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "!=": "une", "==": "oeq"}
_ARITHMETIC = {
    "add": ("fadd", "add", "or"),
    "subtract": ("fsub", "sub", ""),
    "multiply": ("fmul", "mul", "and"),
    "divide": ("fdiv", "", ""),
    "logical_and": ("", "", "and"),
    "logical_or": ("", "", "or"),
}
_OF_ONE = {
    "logical_not": "xor i1 {0}, true",
    "square": "fmul {t} {0}, {0}",
    "negative": "fneg {t} {0}",
    "reciprocal": "fdiv {t} 1.0, {0}",
    "isnan": "fcmp uno {t} {0}, 0.0",
}
_UNARY = {
    "sqrt": "llvm.sqrt",
    "absolute": "llvm.fabs",
    "floor": "llvm.floor",
    "rint": "llvm.rint",
    "maximum": "llvm.maximum",
    "minimum": "llvm.minimum",
}


class Writer:
    """The text of one function, and the table that it reads."""

    def __init__(self, name: str, module: Module, table: Table, blas: Blas | None) -> None:
        self.name, self.table, self._blas, self._module = name, table, blas, module
        self.lines: list[str] = []
        self._count = 0
        self._block = "entry"
        self._guards = 0
        module.writers.append(self)

    # -- small words -----------------------------------------------------------------------------

    def _new(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _say(self, text: str) -> str:
        name = self._new()
        self.lines.append(f"  {name} = {text}")
        return name

    def _do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def _begin(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self._block = block

    def _read(self, place: int, kind: str) -> str:
        at = self._say(f"getelementptr i64, ptr %table, i64 {place}")
        return self._say(f"load {kind}, ptr {at}, !invariant.load !0")

    def pointer(self, array: Array) -> str:
        return self._read(self.table.address(array), "ptr")

    def whole(self, number: int) -> str:
        return self._read(self.table.whole(number), "i64")

    def number(self, number: float, kind: str) -> str:
        if kind in "fd":
            value = self._read(self.table.number(float(number)), "double")
            return self._say(f"fptrunc double {value} to float") if kind == "f" else value
        value = self._read(self.table.whole(int(number)), "i64")
        return self._say(f"icmp ne i64 {value}, 0") if kind == "?" else value

    def _call(self, function: str, kind: str, *arguments: str) -> str:
        name = f"{function}.{_FLOATS[kind]}"
        self._module.used.add(name)
        kind = _TYPE[kind]
        return self._say(f"call {kind} @{name}({', '.join(f'{kind} {a}' for a in arguments)})")

    def _converted(self, value: str, source: str, to: str) -> str:
        """A value of one type in a register as one of another; truth is i1 there."""
        source, to = ("l" if kind == "q" else kind for kind in (source, to))
        if source == to:
            return value
        old = "i1" if source == "?" else _TYPE[source]
        new = "i1" if to == "?" else _TYPE[to]
        if to == "?":
            test = "fcmp une" if source in "fd" else "icmp ne"
            zero = "0.0" if source in "fd" else "0"
            return self._say(f"{test} {old} {value}, {zero}")
        if to in "fd":
            if source in "fd":
                verb = "fpext" if to == "d" else "fptrunc"
            else:
                verb = "uitofp" if source == "?" else "sitofp"
        else:
            verb = "zext" if source == "?" else "fptosi"
        return self._say(f"{verb} {old} {value} to {new}")

    def _load(self, pointer: str, kind: str, scope: str = "") -> str:
        value = self._say(f"load {_TYPE[kind]}, ptr {pointer}{scope}")
        return self._say(f"icmp ne i8 {value}, 0") if kind == "?" else value

    def _store(self, value: str, pointer: str, kind: str, scope: str = "") -> None:
        if kind == "?":
            value = self._say(f"zext i1 {value} to i8")
        self._do(f"store {_TYPE[kind]} {value}, ptr {pointer}{scope}")

    # -- functions of numbers --------------------------------------------------------------------

    def apply(self, name: str, kinds: Sequence[str], *x: str) -> str:
        """The value of one of NumPy's functions of values in registers, of these types."""
        kind = "l" if kinds[0] == "q" else kinds[0]
        floats = kind in "fd"
        t = "i1" if kind == "?" else _TYPE[kind]
        if name == "copy":
            return self._converted(x[0], kinds[0], kinds[1])
        if name == "where":
            return self._say(
                f"select i1 {x[0]}, {self._kind(kinds[1])} {x[1]}, {self._kind(kinds[2])} {x[2]}"
            )
        if name in _COMPARED:
            test = f"fcmp {_COMPARED[name][0]}" if floats else f"icmp {_COMPARED[name][1]}"
            return self._say(f"{test} {t} {x[0]}, {x[1]}")
        if name in _ARITHMETIC:
            verb = _ARITHMETIC[name][0 if floats else 2 if kind == "?" else 1]
            return self._say(f"{verb} {t} {x[0]}, {x[1]}")
        if name in _OF_ONE:
            return self._say(_OF_ONE[name].format(x[0], t=t))
        if name == "clip":
            below = self._say(f"fcmp olt {t} {x[0]}, {x[1]}")
            held = self._say(f"select i1 {below}, {t} {x[1]}, {t} {x[0]}")
            above = self._say(f"fcmp ogt {t} {held}, {x[2]}")
            return self._say(f"select i1 {above}, {t} {x[2]}, {t} {held}")
        if name == "isfinite":
            size = self._call("llvm.fabs", kind, x[0])
            return self._say(f"fcmp olt {t} {size}, 0x7FF0000000000000")
        if name == "sign":
            above = self._say(f"fcmp ogt {t} {x[0]}, 0.0")
            below = self._say(f"fcmp olt {t} {x[0]}, 0.0")
            low = self._say(f"select i1 {below}, {t} -1.0, {t} {x[0]}")
            return self._say(f"select i1 {above}, {t} 1.0, {t} {low}")
        if name in _UNARY:
            return self._call(_UNARY[name], kind, *x)
        return self._call(f"annlib.{name}", kind, x[0])

    @staticmethod
    def _kind(kind: str) -> str:
        return "i1" if kind == "?" else _TYPE[kind]

    # -- loops -----------------------------------------------------------------------------------

    def _scopes(self, arrays: Sequence[Array]) -> list[tuple[Array, str]]:
        """To each array what tells LLVM that those which lie elsewhere are not it."""
        apart = [stretch for stretch, _ in stretches(arrays)]
        note = self._module.note
        domain = note("distinct !{{!{self}}}")
        scopes = [note(f"distinct !{{{{!{{self}}, !{domain}}}}}") for _ in range(max(apart) + 1)]
        texts = []
        for index, scope in enumerate(scopes):
            text = f", !alias.scope !{note(f'!{{{{!{scope}}}}}')}"
            if others := ", ".join(f"!{s}" for i, s in enumerate(scopes) if i != index):
                text += f", !noalias !{note(f'!{{{{{others}}}}}')}"
            texts.append(text)
        return [(array, texts[stretch]) for array, stretch in zip(arrays, apart, strict=True)]

    def _loops(self, sizes: Sequence[int]) -> tuple[list[str], list[tuple[str, str, str, str]]]:
        """Open a loop for each size, from the outer to the inner."""
        counts = [self.whole(n) for n in sizes]
        indices, open_ = [], []
        for count in counts:
            self._count += 1
            block, before = f"L{self._count}", self._block
            self._do(f"br label %{block}")
            self._begin(block)
            index, after = f"%i{self._count}", f"%n{self._count}"
            self._do(f"{index} = phi i64 [0, %{before}], [{after}, %{block}end]")
            indices.append(index)
            open_.append((block, index, after, count))
        return indices, open_

    def _close(self, open_: Sequence[tuple[str, str, str, str]]) -> None:
        for block, index, after, count in reversed(open_):
            self._do(f"br label %{block}end")
            self._begin(f"{block}end")
            self._do(f"{after} = add nuw nsw i64 {index}, 1")
            more = self._say(f"icmp ult i64 {after}, {count}")
            self._do(f"br i1 {more}, label %{block}, label %{block}out")
            self._begin(f"{block}out")

    def _steps(self, steps: Sequence[int], inner: bool = True) -> list[tuple[int, str]]:
        """By axis how far an array goes: nothing, one element, or what the table says."""
        found = []
        for axis, step in enumerate(steps):
            if step == 0:
                continue
            last = inner and axis == len(steps) - 1
            found.append((axis, "1" if step == 1 and last else self.whole(step)))
        return found

    def _at(
        self, pointer: str, kind: str, steps: Sequence[tuple[int, str]], indices: Sequence[str]
    ) -> str:
        for axis, step in steps:
            far = indices[axis]
            if step != "1":
                far = self._say(f"mul nsw i64 {far}, {step}")
            pointer = self._say(f"getelementptr inbounds {_TYPE[kind]}, ptr {pointer}, i64 {far}")
        return pointer

    def maps(self, group: Sequence[Map]) -> None:
        """One loop for these notes."""
        shape = group[0].out.shape
        views: dict[tuple[Any, ...], View] = {}
        known: dict[int, tuple[Any, ...]] = {}  # by the identity of an array
        for note in group:
            for x in (note.out, *note.ins):
                if isinstance(x, np.ndarray) and id(x) not in known:
                    own = view(x, shape)
                    known[id(x)] = own.same
                    views.setdefault(own.same, own)
        sizes, steps = collapsed(shape, [v.steps for v in views.values()])
        pointers = {same: self.pointer(v.array) for same, v in views.items()}
        ways = {same: self._steps(s) for same, s in zip(views, steps, strict=True)}
        scopes = {id(a): text for a, text in self._scopes([v.array for v in views.values()])}
        written = {known[id(note.out)] for note in group}
        numbers = [
            [
                x if isinstance(x, np.ndarray) else self.number(x, kind)
                for x, kind in zip(note.ins, note.types, strict=False)
            ]
            for note in group
        ]
        values: dict[tuple[Any, ...], str] = {
            same: self._load(pointers[same], v.array.dtype.char, scopes[id(v.array)])
            for same, v in views.items()
            if not ways[same] and same not in written
        }
        indices, open_ = self._loops(sizes)
        places: dict[tuple[Any, ...], str] = {}

        def place(same: tuple[Any, ...]) -> str:
            if same not in places:
                kind = views[same].array.dtype.char
                places[same] = self._at(pointers[same], kind, ways[same], indices)
            return places[same]

        for note, ins in zip(group, numbers, strict=True):
            arguments = []
            for x, kind in zip(ins, note.types, strict=False):
                if isinstance(x, str):
                    arguments.append(x)
                    continue
                same = known[id(x)]
                char = x.dtype.char
                if same not in values:
                    scope = scopes[id(views[same].array)]
                    values[same] = self._load(place(same), char, scope)
                arguments.append(self._converted(values[same], char, kind))
            result = self.apply(note.name, note.types, *arguments)
            out = known[id(note.out)]
            char = note.out.dtype.char
            result = self._converted(result, note.types[-1], char)
            values[out] = result
            if not ways[out] and note.out.size > 1:
                continue  # all elements are one: nobody reads it from memory
            self._store(result, place(out), char, scopes[id(views[out].array)])
        self._close(open_)

    def reduce(self, note: Reduce) -> None:
        """A sum or the like: of the numbers one after the other, or of rows onto a row."""
        array, kind = note.array, note.out.dtype.char
        kept = [a for a in range(array.ndim) if a not in note.axes]
        steps = [s // array.itemsize for s in array.strides]
        shape = tuple(array.shape[a] for a in kept)
        out = view(note.out.reshape(shape), shape)
        scopes = {id(a): t for a, t in self._scopes([array, note.out])}
        source, target = self.pointer(array), self.pointer(note.out)
        of_array, of_out = scopes[id(array)], scopes[id(note.out)]
        nothing = self._number_of_nothing(note.name, kind)
        indices, open_ = self._loops(shape)
        self._store(nothing, self._at(target, kind, self._steps(out.steps), indices), kind, of_out)
        self._close(open_)
        # What is dense in memory goes inside: the axes that are kept, or those that are added up.
        onto = bool(kept) and steps[kept[-1]] == 1
        order = [*note.axes, *kept] if onto else [*kept, *note.axes]
        back = [order.index(a) for a in kept]
        of_kept = [0] * len(order)
        for axis, step in zip(back, out.steps, strict=True):
            of_kept[axis] = step
        indices, open_ = self._loops([array.shape[a] for a in order])
        way = self._steps([steps[a] for a in order])
        value = self._load(self._at(source, kind, way, indices), kind, of_array)
        to = self._at(target, kind, self._steps(of_kept), indices)
        sofar = self._load(to, kind, of_out)
        joined = self.apply(note.name, (kind, kind, kind), sofar, value)
        if note.name == "add" and kind in "fd":  # in any order, so that several go at a time
            self.lines[-1] = self.lines[-1].replace("fadd", "fadd reassoc")
        self._store(joined, to, kind, of_out)
        self._close(open_)

    def _number_of_nothing(self, name: str, kind: str) -> str:
        """What a sum, a maximum or the like begins with."""
        if kind == "?":
            return "true" if name in ("logical_and", "minimum") else "false"
        if name == "add":
            return "0.0" if kind in "fd" else "0"
        sign = -1 if name == "maximum" else 1
        if kind in "fd":
            return "0xFFF0000000000000" if sign < 0 else "0x7FF0000000000000"
        return str(-(2**63) if sign < 0 else 2**63 - 1)

    def take(self, note: Take) -> None:
        self._moved(note.vector, note.places, note.out, to_vector=False)

    def put(self, note: Put) -> None:
        self._moved(note.vector, note.places, note.values, to_vector=True)

    def _moved(self, vector: Array, index: Array, dense: Array, *, to_vector: bool) -> None:
        kind, shape = vector.dtype.char, dense.shape
        views = [view(index, shape), view(dense, shape)]
        sizes, steps = collapsed(shape, [v.steps for v in views])
        at, far, near = (self.pointer(a) for a in (index, vector, dense))
        of_index, of_dense = map(self._steps, steps)
        last = self.whole(vector.size - 1)
        indices, open_ = self._loops(sizes)
        place = self._load(self._at(at, "l", of_index, indices), "l")
        self._module.used.update(("llvm.smax.i64", "llvm.smin.i64"))
        place = self._say(f"call i64 @llvm.smax.i64(i64 {place}, i64 0)")
        place = self._say(f"call i64 @llvm.smin.i64(i64 {place}, i64 {last})")
        element = self._at(far, kind, [(0, "1")], [place])
        other = self._at(near, kind, of_dense, indices)
        source, target = (other, element) if to_vector else (element, other)
        self._store(self._load(source, kind), target, kind)
        self._close(open_)

    # -- the others ------------------------------------------------------------------------------

    def guard(self, note: Guard) -> None:
        kind = note.array.dtype.char
        value = self._load(self.pointer(note.array), kind)
        value = self._converted(value, kind, "d")
        limit = self.number(note.limit, "d")
        so = self._say(f"fcmp {_TESTED[note.test]} double {value}, {limit}")
        self._guards += 1
        on = f"guard{self._guards}"
        wanted = ("on", "off") if note.expected else ("off", "on")
        self._do(f"br i1 {so}, label %{on}{wanted[0]}, label %{on}{wanted[1]}")
        self._begin(f"{on}off")
        self._do("ret i64 1")
        self._begin(f"{on}on")

    def dot(self, note: Dot) -> None:
        assert self._blas is not None, "products are calls where BLAS is not known"
        out, a, b = note
        kind = out.dtype.char
        if a.ndim == b.ndim == 1:
            self._inner(out, a, b, kind)
        elif a.ndim == 1 or (a.ndim == 2 and a.shape[0] == 1):
            row = a if a.ndim == 1 else a[0]
            if b.ndim == 1:
                self._inner(out, row, b, kind)
            else:
                self._matrix_vector(out, b.T, row, kind)
        elif b.ndim == 1 or b.shape[1] == 1:
            self._matrix_vector(out, a, b if b.ndim == 1 else b[:, 0], kind)
        else:
            (rows, inner), columns = a.shape, b.shape[1]
            (turn_a, step_a), (turn_b, step_b) = laid(a), laid(b)
            if products.suits(rows, columns, inner):
                own = machine.products(kind).get((turn_a == 112, turn_b == 112))
                if own is not None:
                    sizes = map(self.whole, (rows, columns, inner, step_a, step_b, columns))
                    operands = [f"ptr {self.pointer(x)}" for x in (out, a, b)]
                    operands += [f"i64 {size}" for size in sizes]
                    function = self._read(self.table.function(own), "ptr")
                    self._do(f"call void {function}({', '.join(operands)})")
                    return
            self._blas_call(
                f"{'s' if kind == 'f' else 'd'}gemm",
                *(101, turn_a, turn_b),
                *((self.whole(n),) for n in (rows, columns, inner)),
                *(kind, (a,), (self.whole(step_a),), (b,), (self.whole(step_b),), kind + "0"),
                *((out,), (self.whole(max(1, columns)),)),
            )

    def _inner(self, out: Array, a: Array, b: Array, kind: str) -> None:
        steps = [(self.whole(x.strides[0] // x.itemsize or 1),) for x in (a, b)]
        count = (self.whole(a.size),)
        name = f"{'s' if kind == 'f' else 'd'}dot"
        value = self._blas_call(name, count, (a,), steps[0], (b,), steps[1], result=_TYPE[kind])
        self._store(value, self.pointer(out), kind)

    def _matrix_vector(self, out: Array, a: Array, x: Array, kind: str) -> None:
        turn, step = laid(a)
        rows, columns = a.shape if turn == 111 else a.shape[::-1]
        self._blas_call(
            f"{'s' if kind == 'f' else 'd'}gemv",
            *(101, turn, (self.whole(rows),), (self.whole(columns),)),
            *(kind, (a,), (self.whole(step),), (x,)),
            *((self.whole(x.strides[0] // x.itemsize or 1),), kind + "0", (out,)),
            (self.whole(1),),
        )

    def _blas_call(self, name: str, *arguments: Any, result: str = "void") -> str:
        """A call of BLAS: of enumerators, whole numbers and arrays in tuples, and "f" or "f0" for
        the factor 1 or 0 of that type.
        """
        assert self._blas is not None
        function = self._read(self.table.function(self._blas.addresses[name]), "ptr")
        words = []
        for argument in arguments:
            if isinstance(argument, int):
                words.append(f"i32 {argument}")
            elif isinstance(argument, str):
                words.append(f"{_TYPE[argument[0]]} {'0.0' if argument[1:] else '1.0'}")
            elif isinstance(argument[0], np.ndarray):
                words.append(f"ptr {self.pointer(argument[0])}")
            elif self._blas.bits == 64:
                words.append(f"i64 {argument[0]}")
            else:
                words.append(f"i32 {self._say(f'trunc i64 {argument[0]} to i32')}")
        text = f"call {result} {function}({', '.join(words)})"
        if result == "void":
            self._do(text)
            return ""
        return self._say(text)

    def write(self, notes: Sequence[Note]) -> None:
        """The function's body."""
        for group in grouped(notes):
            match group[0]:
                case Map():
                    self.maps(group)  # type: ignore[arg-type]  # all of them are
                case Reduce():
                    self.reduce(group[0])
                case Dot():
                    self.dot(group[0])
                case Take():
                    self.take(group[0])
                case Put():
                    self.put(group[0])
                case Guard():
                    self.guard(group[0])

    def text(self) -> str:
        """The function."""
        body = "\n".join(self.lines)
        return f"define i64 @{self.name}(ptr %table) {{\nentry:\n{body}\n  ret i64 0\n}}\n"


class Module:
    """Functions that are compiled together."""

    def __init__(self) -> None:
        self.writers: list[Writer] = []
        self.used: set[str] = set()
        self._metadata = ["!0 = !{}"]

    def note(self, text: str) -> int:
        """The number of a new node of metadata; ``{self}`` in its text is that number."""
        number = len(self._metadata)
        self._metadata.append(f"!{number} = {text.format(self=number)}")
        return number

    def text(self) -> str:
        functions = [writer.text() for writer in self.writers]
        return "\n".join([definitions(self.used), *functions, *self._metadata, ""])
