"""What an estimator predicts as a graph, for ``annlib.export`` and for skl2onnx."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from annlib.core.errors import ConfigurationError

if TYPE_CHECKING:  # loaded when an estimator is exported
    from annlib.graph.network_graph import Graph
    from annlib.graph.symbol import Symbol
    from annlib.network.network import Network


class Exportable:
    """What all estimators share that another program may run.

    skl2onnx asks a model that it does not know for the three methods ``onnx_...``: so it converts
    pipelines with these estimators as it does scikit-learn's own. A search looks its best estimator
    up among those that it knows, once this one has named its outputs, which therefore tells it.
    """

    def _outputs_of(self, where: str) -> tuple[dict[str, Symbol], dict[str, Symbol]]:
        """Inputs and outputs of the graph of a fitted estimator, by name."""
        raise NotImplementedError

    def _named_arrays(self) -> list[tuple[str, Any]]:
        """The arrays of its networks, with their names."""
        return []

    def _graph(self, where: str) -> Graph:
        from annlib.graph.network_graph import Graph

        check_is_fitted(self)
        inputs, outputs = self._outputs_of(where)
        named = self._named_arrays()
        return Graph(inputs, outputs, {id(array): name for name, array in named}, named)

    def onnx_parser(self) -> Callable[..., Any]:
        """What names the outputs for skl2onnx; that calls it, when it converts a pipeline.

        Returns
        -------
        callable

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> callable(MLPClassifier().onnx_parser())
        True
        """
        _tell_skl2onnx(type(self))

        def parser(scope: Any = None, inputs: Any = None) -> list[Any]:
            del scope, inputs  # which do not change them
            outputs = self._graph("to_onnx").outputs
            return [(name, _variable_type(y)) for name, y in outputs.items()]

        return parser

    def onnx_shape_calculator(self) -> Callable[..., Any]:
        """What tells skl2onnx types and shapes of the outputs; that calls it, when it converts a
        pipeline.

        Returns
        -------
        callable

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> callable(MLPClassifier().onnx_shape_calculator())
        True
        """

        def calculator(operator: Any) -> None:
            outputs = self._graph("to_onnx").outputs.values()
            for variable, y in zip(operator.outputs, outputs, strict=True):
                variable.set_type(_variable_type(y))

        return calculator

    def onnx_converter(self) -> Callable[..., Any]:
        """What writes its nodes into a model of skl2onnx; that calls it, when it converts a
        pipeline.

        Returns
        -------
        callable

        Examples
        --------
        >>> from annlib import MLPClassifier
        >>> callable(MLPClassifier().onnx_converter())
        True
        """

        def converter(scope: Any, operator: Any, container: Any) -> None:
            from annlib.graph.onnx_model import insert

            if scope.get_options(self, {"raw_scores": False})["raw_scores"]:
                raise ConfigurationError(
                    f"to_onnx: expected labels and probabilities to be asked of "
                    f"{type(self).__name__}, got raw_scores=True, its decision_function, which is "
                    "not converted. What is made of an estimator's decision_function "
                    "(CalibratedClassifierCV, OneVsOneClassifier) does not leave."
                )
            insert(self._graph("to_onnx"), scope, operator, container)

        return converter


def _tell_skl2onnx(cls: type) -> None:
    """Enter a class among those that skl2onnx knows, whose own three methods do the work."""
    from skl2onnx import update_registered_converter

    def parser(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        del custom_parsers
        operator = scope.declare_local_operator(alias, model)
        operator.inputs = inputs
        for name, kind in model.onnx_parser()(scope, inputs):
            operator.outputs.append(scope.declare_local_variable(name, kind))
        return operator.outputs

    def calculator(operator: Any) -> None:
        operator.raw_operator.onnx_shape_calculator()(operator)

    def converter(scope: Any, operator: Any, container: Any) -> None:
        operator.raw_operator.onnx_converter()(scope, operator, container)

    alias = f"Annlib{cls.__name__}"
    either = [True, False]
    options = {"zipmap": [*either, "columns"], "nocl": either, "raw_scores": either}
    update_registered_converter(
        cls, alias, calculator, converter, parser=parser, options=options, overwrite=True
    )


def _variable_type(symbol: Symbol) -> Any:
    """The type of a variable of skl2onnx."""
    from skl2onnx.common import data_types

    kinds = {
        "f": data_types.FloatTensorType,
        "d": data_types.DoubleTensorType,
        "?": data_types.BooleanTensorType,
        "U": data_types.StringTensorType,
    }
    return kinds.get(symbol.dtype.char, data_types.Int64TensorType)(list(symbol.shape))


def labels(y: Symbol) -> Symbol:
    """Labels in a type that ONNX has: integers of 64 bits."""
    return y.astype(np.int64) if y.dtype.kind in "iu" else y


def network_outputs(estimator: Any, where: str) -> tuple[dict[str, Symbol], dict[str, Symbol]]:
    """Inputs and outputs of an estimator around one network: of a classifier ``label`` and, where
    there are some, ``probabilities``; of a regressor ``variable``.
    """
    from annlib.core.expression import express
    from annlib.graph.network_graph import inputs_of, through
    from annlib.network.output import output_of, without_activation

    network, outputs = estimator.model_._network, estimator._outputs
    inputs, x = inputs_of(network, "X", where)
    if not estimator._classifies:
        y: Any = through(network.layers, x, where)
        return inputs, {"variable": np.exp(y) if outputs.link == "exponential" else y}
    output = output_of(network.layers)
    body = without_activation(network.layers, output) if outputs.applied else network.layers
    Z = through(body, x, where)
    if Z.ndim != 2:
        raise ConfigurationError(
            f"{where}: expected outputs of shape (n, units), got {(None, *Z.row)}."
        )
    found = {"label": labels(estimator._targets.decode(Z - outputs.cut if outputs.cut else Z))}
    if outputs.link:
        A = (
            express(output.activation, Z)
            if outputs.applied
            else outputs.linked(Z, estimator.model_)
        )
        probabilities = estimator._probabilities(A)
        if isinstance(probabilities, list):
            found |= {f"probabilities_{k}": each for k, each in enumerate(probabilities)}
        else:
            found["probabilities"] = probabilities
    return inputs, found


def hidden_outputs(
    steps: list[Any], network: Network, where: str
) -> tuple[dict[str, Symbol], dict[str, Symbol]]:
    """Inputs and outputs of the first layers of a network, as features: ``variable``."""
    from annlib.graph.network_graph import inputs_of, through

    if len(steps) > 1:
        raise ConfigurationError(
            f"{where}: expected a HiddenLayerTransformer of an estimator of annlib alone, got one "
            f"of a pipeline of {len(steps)} steps. Put the other steps in front of it."
        )
    inputs, x = inputs_of(network, "X", where)
    y = through(network.layers, x, where)
    return inputs, {"variable": y.reshape(-1, math.prod(y.row))}
