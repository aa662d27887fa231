"""The nodes of a model of ONNX: an operation becomes one, or some where ONNX has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from annlib.core.arrays import Array
from annlib.graph.network_graph import Graph, made_of, operations
from annlib.graph.symbol import Symbol

#: The operations that are one node of the same inputs, and nothing else.
NODES = {
    "abs": "Abs",
    "add": "Add",
    "and": "And",
    "cos": "Cos",
    "div": "Div",
    "equal": "Equal",
    "exp": "Exp",
    "floor": "Floor",
    "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
    "less": "Less",
    "less_equal": "LessOrEqual",
    "log": "Log",
    "matmul": "MatMul",
    "max": "Max",
    "min": "Min",
    "mul": "Mul",
    "neg": "Neg",
    "not": "Not",
    "or": "Or",
    "pow": "Pow",
    "sign": "Sign",
    "sin": "Sin",
    "sqrt": "Sqrt",
    "sub": "Sub",
    "tanh": "Tanh",
    "where": "Where",
}

#: ONNX's operators of whole functions: since which version, and for which types onnxruntime has
#: them. For others stands what the function is made of.
OPERATORS = {
    "Celu": (12, "f"),
    "Elu": (6, "f"),
    "Exp": (13, "fd"),
    "Gelu": (20, "f"),
    "HardSigmoid": (6, "f"),
    "HardSwish": (14, "f"),
    "LeakyRelu": (16, "f"),
    "LogSoftmax": (13, "fd"),
    "Mish": (18, "f"),
    "Relu": (14, "fd"),
    "Selu": (6, "f"),
    "Sigmoid": (13, "fd"),
    "Softmax": (13, "fd"),
    "Softplus": (1, "f"),
    "Softsign": (1, "f"),
    "Tanh": (13, "fd"),
}

#: The domain of the operators for machine learning that ONNX has beside its own.
ML = "ai.onnx.ml"


class NodeWriter:
    """Writes the nodes of a graph, and the constants that go into them."""

    def __init__(self, onnx: Any, graph: Graph, opset: int) -> None:
        self.onnx, self.graph, self.opset = onnx, graph, opset
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names = {id(x): name for name, x in graph.inputs.items()}
        self._outputs = {id(y): name for name, y in graph.outputs.items()}
        self._taken = {*graph.inputs, *graph.outputs}
        self._written: dict[Any, str] = {}
        self._scope = ""
        self._uses: dict[int, int] = {}

    def write(self) -> None:
        outputs = [*self.graph.outputs.values()]
        every = [*operations(outputs, self.is_whole)]
        for symbol in [x for y in every for x in made_of(y, self.is_whole)] + outputs:
            self._uses[id(symbol)] = self._uses.get(id(symbol), 0) + 1
        within = {id(x) for y in every if (x := self._product(y)) is not None}
        for symbol in every:
            if symbol.operation != "input" and id(symbol) not in within:
                self._scope = symbol.scope
                self._write(symbol)
        for name, y in self.graph.outputs.items():
            if self.names[id(y)] != name:  # an input, or the same as another output
                self.nodes.append(self._made("Identity", [self.names[id(y)]], [name]))

    def is_whole(self, symbol: Symbol) -> bool:
        """Whether an operator of ONNX stands for it."""
        if symbol.operator is None:
            return False
        since, types = OPERATORS[symbol.operator[0][0]]
        return since <= self.opset and symbol.dtype.char in types

    def _product(self, symbol: Symbol) -> Symbol | None:
        """The product that becomes one node with this sum, of it and a vector."""
        if symbol.operation != "add" or self.is_whole(symbol):
            return None
        product, bias = symbol.inputs
        fine = (
            isinstance(product, Symbol)
            and product.operation == "matmul"
            and product.ndim == 2
            and self._uses[id(product)] == 1
            and not isinstance(bias, Symbol)
            and bias.ndim <= 1
        )
        return product if fine and isinstance(product, Symbol) else None

    # -- nodes -------------------------------------------------------------------------------------

    def _write(self, symbol: Symbol) -> None:
        self.names[id(symbol)] = self._name_of(symbol)
        out = self.names[id(symbol)]
        if self.is_whole(symbol):
            assert symbol.operator is not None, "is_whole has seen it"
            (operator, attributes), x = symbol.operator
            self.node(operator, [self.names[id(x)]], out, **attributes)
        elif (product := self._product(symbol)) is not None:
            self.node("Gemm", [*self._inputs(product), self._input(symbol.inputs[1])], out)
        elif symbol.operation in NODES:
            self.node(NODES[symbol.operation], self._inputs(symbol), out)
        else:
            write = getattr(self, f"_write_{symbol.operation}")
            write(out, self._inputs(symbol), symbol, **symbol.attributes)

    def _write_cast(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        self.node("Cast", inputs, out, to=self.type_of(symbol.dtype))

    def _write_log1p(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        """log(w) x / (w - 1) with w = 1 + x as it is rounded, and x where w is 1."""
        one = self.constant(np.ones((), symbol.dtype))
        w = self.node("Add", [*inputs, one])
        d = self.node("Sub", [w, one])
        precise = self.node("Mul", [self.node("Log", [w]), self.node("Div", [*inputs, d])])
        self.node("Where", [self.node("Equal", [w, one]), *inputs, precise], out)

    def _write_expm1(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        """2 t / (1 - t) with t = tanh(x / 2) up to 1, exp(x) - 1 from there on."""
        half, one, two = (self.constant(np.array(c, symbol.dtype)) for c in (0.5, 1, 2))
        t = self.node("Tanh", [self.node("Mul", [*inputs, half])])
        low = self.node("Div", [self.node("Mul", [t, two]), self.node("Sub", [one, t])])
        high = self.node("Sub", [self.node("Exp", inputs), one])
        self.node("Where", [self.node("Less", [*inputs, one]), low, high], out)

    def _write_mod(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        """X - n floor(x / n), with the sign of n; of whole numbers ONNX has it."""
        if symbol.dtype.kind != "f":
            self.node("Mod", inputs, out)
            return
        x, n = inputs
        whole = self.node("Floor", [self.node("Div", [x, n])])
        self.node("Sub", [x, self.node("Mul", [whole, n])], out)

    def _write_not_equal(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        self.node("Not", [self.node("Equal", inputs)], out)

    def _write_sum(self, out: str, inputs: list[str], symbol: Symbol, **of: Any) -> None:
        places = self.constant(np.array(of["axes"], np.int64))
        self.node("ReduceSum", [*inputs, places], out, keepdims=int(of["keepdims"]))

    def _write_amax(self, out: str, inputs: list[str], symbol: Symbol, **of: Any) -> None:
        self._extreme("ReduceMax", out, inputs, **of)

    def _write_amin(self, out: str, inputs: list[str], symbol: Symbol, **of: Any) -> None:
        self._extreme("ReduceMin", out, inputs, **of)

    def _extreme(
        self, operator: str, out: str, inputs: list[str], axes: list[int], keepdims: bool
    ) -> None:
        if self.opset < 18:
            self.node(operator, inputs, out, axes=axes, keepdims=int(keepdims))
        else:
            places = self.constant(np.array(axes, np.int64))
            self.node(operator, [*inputs, places], out, keepdims=int(keepdims))

    def _write_reshape(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        shape = np.array([-1, *symbol.row], np.int64)
        self.node("Reshape", [*inputs, self.constant(shape)], out)

    def _write_transpose(self, out: str, inputs: list[str], symbol: Symbol, order: Any) -> None:
        self.node("Transpose", inputs, out, perm=order)

    def _write_slice(self, out: str, inputs: list[str], symbol: Symbol, **of: Any) -> None:
        ends = [end if end >= 0 else -(2**31) for end in of["ends"]]  # -1 would be the last
        bounds = (of["starts"], ends, of["axes"], of["steps"])
        places = [self.constant(np.array(each, np.int64)) for each in bounds]
        self.node("Slice", [*inputs, *places], out)

    def _write_gather(self, out: str, inputs: list[str], symbol: Symbol, axis: int) -> None:
        self.node("Gather", inputs, out, axis=axis)

    def _write_take(self, out: str, inputs: list[str], symbol: Symbol) -> None:
        self.node("Gather", inputs, out, axis=0)

    def _write_concat(self, out: str, inputs: list[str], symbol: Symbol, axis: int) -> None:
        self.node("Concat", inputs, out, axis=axis)

    def _write_argmax(self, out: str, inputs: list[str], symbol: Symbol, axis: int) -> None:
        self.node("ArgMax", inputs, out, axis=axis, keepdims=0)

    def _write_lookup(
        self, out: str, inputs: list[str], symbol: Symbol, keys: Array, codes: Array, otherwise: int
    ) -> None:
        kind = "strings" if keys.dtype.kind == "U" else "int64s"
        tables = {f"keys_{kind}": keys.tolist(), "values_int64s": codes.tolist()}
        self.node("LabelEncoder", inputs, out, domain=ML, default_int64=otherwise, **tables)

    # -- names and values --------------------------------------------------------------------------

    def node(
        self, operator: str, inputs: Sequence[str], out: str | None = None, **attributes: Any
    ) -> str:
        """Write a node; returns the name of its output."""
        out = out or self._free(f"{self._scope}/{operator}".lstrip("/"))
        self.nodes.append(self._made(operator, inputs, [out], **attributes))
        return out

    def _made(
        self, operator: str, inputs: Sequence[str], outputs: list[str], **attributes: Any
    ) -> Any:
        return self.onnx.helper.make_node(
            operator, list(inputs), outputs, name=f"{outputs[0]} node", **attributes
        )

    def _inputs(self, symbol: Symbol) -> list[str]:
        return [self._input(x) for x in symbol.inputs]

    def _input(self, x: Symbol | Array) -> str:
        return self.names[id(x)] if isinstance(x, Symbol) else self.constant(x)

    def _name_of(self, symbol: Symbol) -> str:
        if id(symbol) in self._outputs:
            return self._outputs[id(symbol)]
        if self.is_whole(symbol) and symbol.operator is not None:
            operator = symbol.operator[0][0]
        else:
            operator = symbol.operation
        return self._free(f"{symbol.scope}/{operator}".lstrip("/"))

    def _free(self, name: str) -> str:
        """The name, or with a number behind it."""
        found, count = name, 0
        while found in self._taken:
            count += 1
            found = f"{name}_{count}"
        self._taken.add(found)
        return found

    def constant(self, array: Array) -> str:
        """The name of a constant, which is written once."""
        own = self.graph.names.get(id(array))
        key = own or (array.dtype.str, array.shape, array.tobytes())
        if key not in self._written:
            name = own or f"{self._scope}/constant".lstrip("/")
            self._written[key] = name = self._free(name)
            whole = array.astype(object) if array.dtype.kind == "U" else np.ascontiguousarray(array)
            tensor = self.onnx.numpy_helper.from_array(whole.reshape(array.shape), name)
            self.constants.append(tensor)
        return self._written[key]

    def value(self, name: str, symbol: Symbol) -> Any:
        """The name, type and shape of an input or output."""
        return self.onnx.helper.make_tensor_value_info(
            name, self.type_of(symbol.dtype), ["n", *symbol.shape[1:]]
        )

    def type_of(self, dtype: np.dtype[Any]) -> int:
        """The number that ONNX has for a type."""
        if dtype.kind == "U":
            return int(self.onnx.TensorProto.STRING)
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(dtype))
