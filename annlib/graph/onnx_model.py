"""A graph as a model of ONNX, or as a part of one that skl2onnx makes."""

from __future__ import annotations

from typing import Any

from annlib._version import __version__
from annlib.core.errors import ConfigurationError
from annlib.core.packages import install_command
from annlib.graph.network_graph import Graph
from annlib.graph.onnx_nodes import ML, NodeWriter

#: The versions of ONNX's operators: the oldest that is written, and that which is unless told.
OLDEST, DEFAULT = 17, 20
#: What one file may have: a limit of the format that ONNX is written in.
_MOST_BYTES = 2**31 - 2**20


def onnx_model(graph: Graph, opset: int, where: str) -> Any:
    """The graph as an ``onnx.ModelProto``, which ONNX's checker has seen.

    Raises
    ------
    ConfigurationError
        If onnx is not installed, or the graph has more than 2 GB of numbers.
    """
    onnx = load_onnx(where)
    writer = NodeWriter(onnx, graph, opset)
    writer.write()
    if (size := sum(tensor.ByteSize() for tensor in writer.constants)) > _MOST_BYTES:
        raise ConfigurationError(
            f"{where}: expected a network of less than 2 GB, the most that a file of ONNX holds, "
            f"got {size} bytes."
        )
    helper = onnx.helper
    made = helper.make_graph(
        writer.nodes,
        "annlib",
        [writer.value(name, x) for name, x in graph.inputs.items()],
        [writer.value(name, y) for name, y in graph.outputs.items()],
        writer.constants,
    )
    versions = [helper.make_opsetid("", opset)]
    if any(node.domain == ML for node in writer.nodes):
        versions.append(helper.make_opsetid(ML, 3))
    model = helper.make_model(
        made,
        opset_imports=versions,
        producer_name="annlib",
        producer_version=__version__,
        ir_version=helper.find_min_ir_version_for(versions),
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def insert(graph: Graph, scope: Any, operator: Any, container: Any) -> None:
    """Write the graph into a model that skl2onnx makes, between variables of an operator."""
    writer = NodeWriter(load_onnx("to_onnx"), graph, container.target_opset)
    fed = [variable.onnx_name for variable in operator.inputs]
    titles = {f"fed {place}": name for place, name in enumerate(fed)}
    fed = [*titles]  # their names may be among those of the graph
    if len(fed) > 1 and len(graph.inputs) == 1:  # columns that come one by one
        (x,) = graph.inputs.values()
        same = [writer.node("Cast", [name], to=writer.type_of(x.dtype)) for name in fed]
        fed = [writer.node("Concat", same, axis=1)]
    if len(fed) != len(graph.inputs):
        raise ConfigurationError(
            f"to_onnx: expected {len(graph.inputs)} inputs, {', '.join(graph.inputs)}, got "
            f"{len(fed)}. Give initial_types one of each, as (name, type of shape [None, 1])."
        )
    for name, (own, x) in zip(fed, graph.inputs.items(), strict=True):
        writer.node("Cast", [name], own, to=writer.type_of(x.dtype))
    writer.write()
    made = (variable.onnx_name for variable in operator.outputs)
    titles |= dict(zip(graph.outputs, made, strict=True))

    def renamed(name: str) -> str:
        if name not in titles:
            titles[name] = scope.get_unique_variable_name(name)
        found: str = titles[name]
        return found

    for tensor in writer.constants:
        tensor.name = renamed(tensor.name)
        container.initializers.append(tensor)
    for node in writer.nodes:
        node.input[:], node.output[:] = map(renamed, node.input), map(renamed, node.output)
        node.name = scope.get_unique_operator_name(node.name)
        container.nodes.append(node)
        container.node_domain_version_pair_sets.add(
            (node.domain, 3 if node.domain else writer.opset)
        )


def load_onnx(where: str) -> Any:
    """The package, if it is installed."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        command = install_command("annlib[onnx]")
        raise ConfigurationError(
            f"{where}: expected onnx, which is not installed. Run {command}."
        ) from None
    return onnx
