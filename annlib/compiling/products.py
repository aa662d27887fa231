"""Products of small matrices in LLVM's language, for processors with vectors of 512 bits.

A block of rows of the result times a few vectors of columns stays in registers while the inner axis
goes by. BLAS copies its operands before it multiplies, which pays for large matrices alone, and for
a second operand that is turned it is slow where that is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from annlib.core import threads
from annlib.core.threads import LARGE

#: Steps along the inner axis after which the next columns come: what they read stays in the nearest
#: cache.
_DEPTH = 128
#: Multiplications of a product by one thread, and numbers that it reads again for each of the
#: columns' vectors, that must not leave the second nearest cache.
_MOST, _NEAR = 1 << 26, 1 << 17
#: Bytes from row to row, and rows of the result, from which columns are copied first.
_FAR, _WORTH_A_COPY = 1024, 64
#: Rows of a block, and vectors of columns.
_ROWS, _VECTORS = (8, 4, 2, 1), (2, 1)


class _Type(NamedTuple):
    name: str
    suffix: str
    lanes: int
    bytes: int

    @property
    def vector(self) -> str:
        return f"<{self.lanes} x {self.name}>"


_PANEL = "ptr noalias %panel, ptr noalias readonly %B, i64 %ldb, i64 %columns, i64 %depth"
_TYPES = {"f": _Type("float", "f32", 16, 4), "d": _Type("double", "f64", 8, 8)}


class _Body:
    """The lines of a function."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._count = 0
        self.block = "entry"

    def say(self, text: str) -> str:
        self._count += 1
        self.lines.append(f"  %t{self._count} = {text}")
        return f"%t{self._count}"

    def do(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def begin(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self.block = block

    def times(self, a: str, b: str) -> str:
        return self.say(f"mul nsw i64 {a}, {b}")

    def plus(self, a: str, b: str) -> str:
        return self.say(f"add nsw i64 {a}, {b}")

    def at(self, kind: str, pointer: str, far: str) -> str:
        return self.say(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {far}")

    def least(self, a: str, b: str) -> str:
        return self.say(f"call i64 @llvm.smin.i64(i64 {a}, i64 {b})")

    def mask(self, t: _Type, left: str) -> str:
        """Which of a vector's numbers are there where so many are left."""
        n = t.lanes
        one = self.say(f"insertelement <{n} x i64> poison, i64 {left}, i64 0")
        all_ = self.say(
            f"shufflevector <{n} x i64> {one}, <{n} x i64> poison, <{n} x i32> zeroinitializer"
        )
        lanes = ", ".join(f"i64 {lane}" for lane in range(n))
        return self.say(f"icmp sgt <{n} x i64> {all_}, <{lanes}>")

    def function(self, head: str) -> str:
        # LLVM halves such vectors on some processors that have them, unless it is told.
        wide = '"min-legal-vector-width"="512" "prefer-vector-width"="512"'
        lines = [f"define {head} {wide} {{", "entry:", *self.lines, "  ret void", "}", ""]
        return "\n".join(lines)

    def loop(self, name: str, start: str, step: str, more: str) -> Iterator[str]:
        """What is said while this is iterated is done while the index, which starts there and has
        a step added each time, passes ``more``.
        """
        before = self.block
        self.do(f"br label %{name}")
        self.begin(name)
        index = f"%{name}.i"
        place = len(self.lines)
        test = self.say(f"icmp sle i64 {self.plus(index, more)}, %{name}.stop")
        self.do(f"br i1 {test}, label %{name}.body, label %{name}.out")
        self.begin(f"{name}.body")
        yield index
        after = self.plus(index, step)
        self.lines.insert(
            place, f"  {index} = phi i64 [{start}, %{before}], [{after}, %{self.block}]"
        )
        self.do(f"br label %{name}")
        self.begin(f"{name}.out")


def _kernel(t: _Type, turned: bool, rows: int, vectors: int) -> str:
    """``C += A B`` of so many rows and vectors of columns, or ``C = A B``."""
    b, v = _Body(), t.vector
    masks = [b.mask(t, b.say(f"sub i64 %columns, {n * t.lanes}")) for n in range(vectors)]
    m = f"<{t.lanes} x i1>"

    def load(pointer: str, number: int) -> str:
        return b.say(
            f"call {v} @llvm.masked.load.v{t.lanes}{t.suffix}.p0(ptr {pointer}, i32 {t.bytes}, "
            f"{m} {masks[number]}, {v} zeroinitializer)"
        )

    places = []
    for row in range(rows):
        begin = b.at(t.name, "%C", b.times("%ldc", str(row)))
        places.append([b.at(t.name, begin, str(n * t.lanes)) for n in range(vectors)])
    if turned:
        starts = ["%A"] * rows
    else:
        starts = [b.at(t.name, "%A", b.times("%lda", str(row))) for row in range(rows)]
    b.do("br i1 %more, label %load, label %loop")
    b.begin("load")
    kept = [[load(p, n) for n, p in enumerate(line)] for line in places]
    b.do("br label %loop")
    b.begin("loop")
    # The registers of the result, then what a step along the inner axis makes of them.
    sums = [[f"%s{r}.{n}" for n in range(vectors)] for r in range(rows)]
    b.do("%k = phi i64 [0, %entry], [0, %load], [%k.next, %loop]")
    for r in range(rows):
        for n in range(vectors):
            b.do(
                f"{sums[r][n]} = phi {v} [zeroinitializer, %entry], [{kept[r][n]}, %load], "
                f"[{sums[r][n]}.next, %loop]"
            )
    line = b.at(t.name, "%B", b.times("%k", "%ldb"))
    of_b = [load(b.at(t.name, line, str(n * t.lanes)), n) for n in range(vectors)]
    far = b.times("%k", "%lda") if turned else "%k"
    for r in range(rows):
        place = b.at(t.name, starts[r], far)
        if turned:
            place = b.at(t.name, place, str(r))
        value = b.say(f"load {t.name}, ptr {place}")
        one = b.say(f"insertelement {v} poison, {t.name} {value}, i64 0")
        all_ = b.say(f"shufflevector {v} {one}, {v} poison, <{t.lanes} x i32> zeroinitializer")
        for n in range(vectors):
            b.do(
                f"{sums[r][n]}.next = call {v} @llvm.fma.v{t.lanes}{t.suffix}({v} {all_}, "
                f"{v} {of_b[n]}, {v} {sums[r][n]})"
            )
    b.do("%k.next = add nuw nsw i64 %k, 1")
    again = b.say("icmp slt i64 %k.next, %depth")
    b.do(f"br i1 {again}, label %loop, label %end")
    b.begin("end")
    for r in range(rows):
        for n in range(vectors):
            b.do(
                f"call void @llvm.masked.store.v{t.lanes}{t.suffix}.p0({v} {sums[r][n]}.next, "
                f"ptr {places[r][n]}, i32 {t.bytes}, {m} {masks[n]})"
            )
    name = _kernel_name(t, turned, rows, vectors)
    return b.function(
        f"internal void @{name}(ptr noalias %C, i64 %ldc, ptr noalias readonly %A, i64 %lda, "
        "ptr noalias readonly %B, i64 %ldb, i64 %depth, i1 %more, i64 %columns) noinline"
    )


def _kernel_name(t: _Type, turned: bool, rows: int, vectors: int) -> str:
    return f"kernel.{t.suffix}.{'t' if turned else 'n'}.{rows}.{vectors}"


def _copying(t: _Type) -> str:
    """``panel[k, j] = B[k, j]`` for at most two vectors of j, and 0 where there is no more."""
    b, n, v = _Body(), t.lanes, t.vector
    m = f"<{n} x i1>"
    masks = [b.mask(t, b.say(f"sub i64 %columns, {number * n}")) for number in range(_VECTORS[0])]
    b.do("%deep.stop = add i64 %depth, 0")
    for k in b.loop("deep", "0", "1", "1"):
        source = b.at(t.name, "%B", b.times(k, "%ldb"))
        target = b.at(t.name, "%panel", b.times(k, str(n * _VECTORS[0])))
        for number, mask in enumerate(masks):
            row = b.say(
                f"call {v} @llvm.masked.load.v{n}{t.suffix}.p0(ptr "
                f"{b.at(t.name, source, str(number * n))}, i32 {t.bytes}, {m} {mask}, "
                f"{v} zeroinitializer)"
            )
            b.do(f"store {v} {row}, ptr {b.at(t.name, target, str(number * n))}, align {t.bytes}")
    return b.function(f"internal void @copied({_PANEL}) noinline")


def _turning(t: _Type) -> str:
    """``panel[k, j] = B[j, k]`` for at most two vectors of j, and 0 where there is no more."""
    b, n, v = _Body(), t.lanes, t.vector
    wide = n * _VECTORS[0]
    m = f"<{n} x i1>"
    b.do("%deep.stop = add i64 %depth, 0")
    for k in b.loop("deep", "0", str(n), "1"):
        inside = b.mask(t, b.say(f"sub i64 %depth, {k}"))
        for group in range(_VECTORS[0]):
            rows = []
            for j in range(group * n, group * n + n):
                there = b.say(f"icmp slt i64 {j}, %columns")
                mask = b.say(f"select i1 {there}, {m} {inside}, {m} zeroinitializer")
                place = b.at(t.name, b.at(t.name, "%B", b.times("%ldb", str(j))), k)
                rows.append(
                    b.say(
                        f"call {v} @llvm.masked.load.v{n}{t.suffix}.p0(ptr {place}, "
                        f"i32 {t.bytes}, {m} {mask}, {v} zeroinitializer)"
                    )
                )
            step = 1
            while step < n:  # blocks of so many change places
                for i in (i for i in range(n) if not i & step):
                    low = [lane if not lane & step else n + lane - step for lane in range(n)]
                    high = [lane + step if not lane & step else n + lane for lane in range(n)]
                    both = rows[i], rows[i + step]
                    for place_, order in ((i, low), (i + step, high)):
                        which = ", ".join(f"i32 {x}" for x in order)
                        rows[place_] = b.say(
                            f"shufflevector {v} {both[0]}, {v} {both[1]}, <{n} x i32> <{which}>"
                        )
                step *= 2
            begin = b.at(t.name, "%panel", b.times(k, str(wide)))
            for lane, row in enumerate(rows):
                place = b.at(t.name, begin, str(lane * wide + group * n))
                b.do(f"store {v} {row}, ptr {place}, align {t.bytes}")
    return b.function(f"internal void @turned({_PANEL}) noinline")


def product_name(turned_a: bool, turned_b: bool) -> str:
    """What the product of such operands is called."""
    return f"product.{'t' if turned_a else 'n'}{'t' if turned_b else 'n'}"


def _product(t: _Type, turned_a: bool, turned_b: bool) -> str:
    """``C = A B``; of a turned operand the transpose is what lies in memory by rows."""
    b = _Body()
    wide = t.lanes * _VECTORS[0]
    b.do(f"%panel = alloca [{_DEPTH * wide} x {t.name}], align 64")
    # Rows far apart fall on few places of the nearest cache: many blocks read them from a copy.
    far = b.say(f"icmp sge i64 %ldb, {_FAR // t.bytes}")
    copies = b.say(f"and i1 {far}, {b.say(f'icmp sge i64 %M, {_WORTH_A_COPY}')}")
    b.do("%deep.stop = add i64 %K, 0")
    b.do("%wide.stop = add i64 %N, 0")
    for k in b.loop("deep", "0", str(_DEPTH), "1"):
        depth = b.least(b.say(f"sub i64 %K, {k}"), str(_DEPTH))
        more = b.say(f"icmp ne i64 {k}, 0")
        of_a = b.at(t.name, "%A", b.times(k, "%lda") if turned_a else k)
        for j in b.loop("wide", "0", str(wide), "1"):
            columns = b.say(f"sub i64 %N, {j}")
            panel = f"ptr %panel, ptr {{}}, i64 %ldb, i64 {columns}, i64 {depth}"
            if turned_b:
                of_b, ldb = "%panel", str(wide)
                source = b.at(t.name, b.at(t.name, "%B", b.times(j, "%ldb")), k)
                b.do(f"call void @turned({panel.format(source)})")
            else:
                source = b.at(t.name, b.at(t.name, "%B", b.times(k, "%ldb")), j)
                b.do(f"br i1 {copies}, label %copy, label %ready")
                b.begin("copy")
                b.do(f"call void @copied({panel.format(source)})")
                b.do("br label %ready")
                b.begin("ready")
                of_b = b.say(f"select i1 {copies}, ptr %panel, ptr {source}")
                ldb = b.say(f"select i1 {copies}, i64 {wide}, i64 %ldb")
            of_c = b.at(t.name, "%C", j)
            narrow = b.say(f"icmp sle i64 {columns}, {t.lanes}")
            b.do(f"br i1 {narrow}, label %one, label %two")
            for vectors, name in ((2, "two"), (1, "one")):
                b.begin(name)
                start = "0"
                for rows in _ROWS:
                    loop = f"{name}.{rows}"
                    b.do(f"%{loop}.stop = add i64 %M, 0")
                    for i in b.loop(loop, start, str(rows), str(rows)):
                        c = b.at(t.name, of_c, b.times(i, "%ldc"))
                        a = b.at(t.name, of_a, i if turned_a else b.times(i, "%lda"))
                        b.do(
                            f"call void @{_kernel_name(t, turned_a, rows, vectors)}(ptr {c}, "
                            f"i64 %ldc, ptr {a}, i64 %lda, ptr {of_b}, i64 {ldb}, i64 {depth}, "
                            f"i1 {more}, i64 {columns})"
                        )
                    start = f"%{loop}.i"
                b.do("br label %done")
            b.begin("done")
    arguments = "ptr %C, ptr %A, ptr %B, i64 %M, i64 %N, i64 %K, i64 %lda, i64 %ldb, i64 %ldc"
    return b.function(f"void @{product_name(turned_a, turned_b)}({arguments})")


#: The products there are: which operands are turned.
TURNED = ((False, False), (True, False), (False, True))


def text(kind: str) -> str:
    """All products of a type, and what they are made of."""
    t = _TYPES[kind]
    v, m, of = t.vector, f"<{t.lanes} x i1>", f"v{t.lanes}{t.suffix}"
    return "\n".join(
        [
            "declare i64 @llvm.smin.i64(i64, i64)",
            f"declare {v} @llvm.fma.{of}({v}, {v}, {v})",
            f"declare {v} @llvm.masked.load.{of}.p0(ptr, i32 immarg, {m}, {v})",
            f"declare void @llvm.masked.store.{of}.p0({v}, ptr, i32 immarg, {m})",
            _copying(t),
            _turning(t),
            *(
                _kernel(t, turned, r, n)
                for turned in (False, True)
                for r in _ROWS
                for n in _VECTORS
            ),
            *(_product(t, *turned) for turned in TURNED),
        ]
    )


def suits(rows: int, columns: int, inner: int) -> bool:
    """Whether BLAS would be no faster: it has larger blocks for larger matrices, and threads."""
    most = LARGE if threads.multithreaded() else _MOST
    read_again = rows * min(inner, _DEPTH)
    return rows >= _ROWS[0] and read_again <= _NEAR and rows * columns * inner < most
