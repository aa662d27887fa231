"""Sequential: a network as a list of layers, and everything that a user does with it."""

from __future__ import annotations

import copyreg
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, BinaryIO

from annlib.core.arguments import naming_arguments
from annlib.core.arrays import Array, BatchShape
from annlib.core.checks import check_choice, check_count, check_flag, check_optional_count, is_whole
from annlib.core.constructors import constructor_arguments
from annlib.core.errors import ConfigurationError, UnknownNameError, quote, show
from annlib.core.parameters import ParameterVector
from annlib.core.registry import Registry, custom_object_scope
from annlib.core.suggestion import suggest
from annlib.core.terminal import for_stdout
from annlib.core.views import ArrayView
from annlib.layers import Layer
from annlib.models.trainer import Trainer, alone
from annlib.network.data_start import start_from_rows
from annlib.network.network import Network
from annlib.training.stream_dataset import as_input_dataset

if TYPE_CHECKING:
    from annlib.graph.network_graph import Graph
    from annlib.tracing import Trace


class Sequential(Trainer):
    """A feed-forward network: layers one after the other, on whole mini-batches.

    Parameters
    ----------
    layers : sequence of Layer, optional
        May begin with an ``Input``; without one the weights are made when the first data come.
        A ``Sequential`` among them stands for its layers.
    seed : int, at least 0, optional
        Everything random in the model follows from it: initial weights, shuffling, dropout.
        Without one a seed is drawn and kept in ``seed``.
    dtype : {"float32", "float64"}
        The arithmetic.
    name : str, optional
        ``sequential`` by itself.

    Attributes
    ----------
    optimizer, loss, metrics
        What ``compile`` made of its arguments.
    history : History
        Of the last ``fit``.
    stop_training, stop_evaluating, stop_predicting : bool
        Set by a callback to end ``fit``, ``evaluate`` or ``predict`` after the batch.

    Raises
    ------
    ConfigurationError
        If something in the list is no layer, two layers have one name, or another argument is none
        of these.
    OwnershipError
        If a layer stands twice in it.
    ShapeError
        If it begins with an ``Input`` and a layer cannot take what the one before it gives.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> y = np.array([0, 1, 1, 0])
    >>> model = Sequential([layers.Dense(8, activation="tanh"),
    ...                     layers.Dense(2, activation="softmax")], seed=0)
    >>> model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    >>> history = model.fit(x, y, epochs=500, verbose=0)
    >>> model.predict(x).argmax(axis=1)
    array([0, 1, 1, 0])
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        seed: int | None = None,
        dtype: str = "float32",
        name: str | None = None,
    ) -> None:
        if not isinstance(layers, list | tuple | None):
            raise ConfigurationError(
                f"Sequential: expected a list of layers, got {show(layers)}. Write "
                "Sequential([...])."
            )
        parts = [_network_of(layer) for layer in layers or ()]
        super().__init__(Network(parts, seed, dtype, name))
        self._network.build_if_known()

    # -- layers ----------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name given, or "sequential"."""
        return self._network.name

    @property
    def seed(self) -> int:
        """The integer from which everything random in the model follows."""
        return self._network.seed

    @property
    def dtype(self) -> str:
        """The arithmetic: "float32" or "float64"."""
        return self._network.dtype

    @property
    def layers(self) -> list[Layer]:
        """The layers in their order, without the ``Input``."""
        return list(self._network.layers)

    @naming_arguments("Sequential.get_layer")
    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name or at that index; exactly one of the two is given.

        Parameters
        ----------
        name : str, optional
        index : int, optional
            From 0; negative ones count from the end.

        Returns
        -------
        Layer

        Raises
        ------
        UnknownNameError
            If no layer has this name; the message names the nearest.
        ConfigurationError
            If both are given, or none, or there is no layer at this index.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(8, "relu"), layers.Dense(1)])
        >>> model.get_layer("dense"), model.get_layer(index=-1)
        (Dense(8, activation='relu'), Dense(1))
        """
        layers = self._network.layers
        if (name is None) == (index is None):
            raise ConfigurationError(
                f"Sequential.get_layer: expected a name or an index, got {show(name)} and "
                f"{show(index)}. Pass one of them."
            )
        if index is not None:
            if not is_whole(index) or not -len(layers) <= index < len(layers):
                raise ConfigurationError(
                    f"Sequential.get_layer: expected an index < {len(layers)}, got {show(index)}."
                )
            return layers[index]
        text = name if isinstance(name, str) else ""
        for layer in layers:
            if layer.name == text:
                return layer
        raise UnknownNameError(
            f"Sequential.get_layer: expected the name of a layer, got {quote(name)}. "
            f"{suggest(text, [str(layer.name) for layer in layers])}"
        )

    @alone("Sequential.add", inside=True)
    def add(self, layer: Any) -> None:
        """Append a layer; the layers of a model that is added are appended one by one.

        Parameters
        ----------
        layer : Layer or Sequential

        Raises
        ------
        ConfigurationError
            If it is no layer, or its name is taken.
        OwnershipError
            If the layer already stands in this model.
        ShapeError
            If the model is built, and the layer cannot take what the last one gives.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential()
        >>> model.add(layers.Dense(8, "relu"))
        >>> model.add(layers.Dense(1))
        >>> model.layers
        [Dense(8, activation='relu'), Dense(1)]
        """
        self._reset_functions()
        self._network.add(_network_of(layer))
        self._forget_updates()

    @alone("Sequential.pop", inside=True)
    def pop(self) -> Layer:
        """Remove the last layer and return it.

        Returns
        -------
        Layer

        Raises
        ------
        ConfigurationError
            If there is none.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(8), layers.Dense(1)])
        >>> model.pop(), len(model.layers)
        (Dense(1), 1)
        """
        if not self._network.layers:
            raise ConfigurationError("Sequential.pop: expected a model with layers, got none.")
        self._reset_functions()
        layer = self._network.pop()
        self._forget_updates()
        return layer

    def _forget_updates(self) -> None:
        # The optimizer's state was of other layers, even where names and shapes agree.
        if self._compiled is not None:
            self._compiled.optimizer.reset()

    # -- weights ---------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._network.has_weights

    @naming_arguments("Sequential.build")
    def build(self, input_shape: BatchShape | None = None) -> None:
        """Make the weights for input of this shape.

        Parameters
        ----------
        input_shape : tuple of int or None, optional
            ``(None, n_features)``; not needed where the model begins with an ``Input``.

        Raises
        ------
        NotBuiltError
            If the shape is neither given nor known.
        ShapeError
            If it contradicts what the model was built for, or a layer cannot take it.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(4)])
        >>> model.build((None, 3))
        >>> [array.shape for array in model.weights]
        [(3, 4), (4,)]
        """
        self._network.build(input_shape)

    @property
    def input_shape(self) -> BatchShape:
        """The shape that the model was built for, with None for the batch."""
        return self._network.input_shape

    @property
    def inputs(self) -> list[BatchShape]:
        """The shape of the input, in a list; Keras has a symbolic tensor in it."""
        return [self.input_shape]

    @property
    def outputs(self) -> list[BatchShape]:
        """The shape of the output, in a list."""
        return [self.output_shape]

    @property
    def feature_names(self) -> list[str] | None:
        """The names of the columns of x that it has learned from, if that was a frame: the first
        of ``fit``, ``train_on_batch`` or its first layer's ``adapt``.

        Frames with others or in another order are refused; arrays are taken as they stand. As
        in scikit-learn, names count only if all of them are texts.
        """
        names = self._network.feature_names
        return None if names is None else list(names)

    @property
    def output_shape(self) -> BatchShape:
        """The shape of its output, with None for the batch."""
        self._network.require_weights("output_shape")
        return self.compute_output_shape(self.input_shape)

    def compute_output_shape(self, input_shape: BatchShape) -> BatchShape:
        """The shape of the output for this input; builds nothing.

        Parameters
        ----------
        input_shape : tuple of int or None
            ``(None, n_features)``.

        Returns
        -------
        tuple of int or None

        Raises
        ------
        ShapeError
            If it is no shape, or a layer cannot take it.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> Sequential([layers.Dense(4), layers.Dense(2)]).compute_output_shape((None, 3))
        (None, 2)
        """
        return self._network.compute_output_shape(input_shape)

    @property
    def vector(self) -> ParameterVector:
        """The parameters of the layers that this model owns, and their gradients."""
        return self._network.vector

    @property
    def weights(self) -> list[Array]:
        """All parameters, layer after layer: views, not copies."""
        return [ArrayView.of(value) for value in self._network.weights]

    @property
    def trainable_weights(self) -> list[Array]:
        """Those that training changes."""
        return [value for value, trains in self._flagged() if trains]

    @property
    def non_trainable_weights(self) -> list[Array]:
        """Those that it does not: of frozen layers, and moving statistics."""
        return [value for value, trains in self._flagged() if not trains]

    #: Keras' other names of the three.
    variables = weights
    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def _flagged(self) -> list[tuple[Array, bool]]:
        return [shown for layer in self._network.layers for shown in layer._shown()]

    @property
    def trainable(self) -> bool:
        """Whether any layer trains; setting it sets every layer's. Takes effect at ``compile``."""
        return any(layer.trainable for layer in self._network.layers)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        trainable = check_flag(value, "Sequential", "trainable")
        for layer in self._network.layers:
            layer.trainable = trainable

    def get_weights(self) -> list[Array]:
        """Copies of all parameters, layer after layer.

        Returns
        -------
        list of array
            Kernels (inputs, units), biases (units,), and what else layers have.

        Raises
        ------
        NotBuiltError
            Before the weights are made.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(2)])
        >>> [array.shape for array in model.get_weights()]
        [(3, 2), (2,)]
        """
        self._network.require_weights("get_weights")
        return [value.copy() for value in self._network.weights]

    @naming_arguments("Sequential.set_weights")
    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all parameters; all shapes are checked before any is touched.

        Parameters
        ----------
        weights : sequence of array_like, (inputs, units), (units,), ...
            In the order and the shapes of ``get_weights``.

        Raises
        ------
        NotBuiltError
            Before the weights are made.
        ShapeError
            If their number or a shape is another.
        DataError
            If they are no numbers.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((2,)), layers.Dense(1)])
        >>> model.set_weights([[[2.0], [3.0]], [1.0]])
        >>> model.predict(np.array([[10.0, 100.0]]))
        array([[321.]], dtype=float32)
        """
        self._network.set_weights(weights)

    @alone("Sequential.initialize_from_data")
    def initialize_from_data(
        self, x: Any, rows: int = 500, *, points: int = 5, output: bool = True
    ) -> None:
        """Fit the first weights of the fully connected layers to data, before training.

        Layer by layer, each unit's kernel is scaled so that what its activation gets has the
        deviation 1 over some rows, and its bias is minus what a random convex combination of a few
        of them gives: so each unit bends where the rows are, and none is dead (Holzmüller et al.,
        2024, "Better by default"). Of ``BatchedDense`` each member has its own. Layers that are
        frozen, or inside of others, stay as they are.

        Parameters
        ----------
        x : array_like, frame, or what gives batches of it, (n, features)
            As ``predict`` takes it; the model is built for it, if it is not yet.
        rows : int, at least 1
            How many rows to look at: drawn from x, or the first ones of batches.
        points : int, at least 1
            How many of them a bias is made of.
        output : bool
            Whether the last of these layers is fitted, too.

        Raises
        ------
        DataError, ShapeError, ConfigurationError
            Before anything is changed.

        Notes
        -----
        Rows and combinations are drawn by the model's seed: the same seed, data and weights give
        the same start.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib import Sequential, layers
        >>> x = np.random.default_rng(0).normal(50.0, 9.0, (100, 3))
        >>> model = Sequential([layers.Dense(4), layers.Dense(1)], seed=0)
        >>> model.initialize_from_data(x, output=False)
        >>> Sequential(model.layers[:1]).predict(x).std(axis=0).round(3)
        array([1., 1., 1., 1.], dtype=float32)
        """
        where = "Sequential.initialize_from_data"
        rows, points = check_count(rows, where, "rows"), check_count(points, where, "points")
        output = check_flag(output, where, "output")
        network = self._network
        network.check_ownership(where)
        data = as_input_dataset(network, x, where)
        network.build((None, *data.row_shape), data.feature_names)
        rng = network.streams.new("initialize_from_data")
        start_from_rows(
            network, data.some(network, rows, rng, where), rng, points=points, output=output
        )

    def count_params(self) -> int:
        """How many numbers the parameters hold.

        Returns
        -------
        int

        Raises
        ------
        NotBuiltError
            Before the weights are made.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(1)]).count_params()
        21
        """
        self._network.require_weights("count_params")
        return sum(layer.count_params() for layer in self._network.layers)

    # -- looking at it ---------------------------------------------------------------------------

    @naming_arguments("Sequential.summary")
    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], None] | None = None,
        expand_nested: bool = True,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers: activations, output shapes, parameters, multiplications.

        The arguments are Keras'. Multiplications are those of a row's numbers with weights and
        constants while predicting; an activation's own are not counted.

        Parameters
        ----------
        line_length : int, at least 1, optional
            78 by default; what is longer is wrapped.
        positions : sequence of float, optional
            Where columns end, in parts of the line or in characters: of all columns, or of the
            three (with ``show_trainable`` four) that Keras has, which are then shown alone.
        print_fn : callable, optional
            Gets the whole text.
        expand_nested : bool
            Whether the layers inside of ``Columns`` are shown. Models among the layers are their
            layers, whatever it is.
        show_trainable : bool
            Whether to say of each layer if it trains.
        layer_range : sequence of str, optional
            The first and the last layer to show, by names or patterns of them. Totals are those of
            the model.

        Raises
        ------
        ConfigurationError
            For other positions or names.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(1)])
        >>> lines = []
        >>> model.summary(print_fn=lines.append)
        >>> [line for text in lines for line in text.splitlines() if line.startswith("Total")]
        ['Total params: 21 (84 B)']
        """
        from annlib.models.summary import summary

        where = "Sequential.summary"
        length = check_optional_count(line_length, where, "line_length")
        show_trainable = check_flag(show_trainable, where, "show_trainable")
        expand_nested = check_flag(expand_nested, where, "expand_nested")
        if not (print_fn is None or callable(print_fn)):
            raise ConfigurationError(
                f"{where}: expected print_fn as a function, got {show(print_fn)}."
            )
        text = summary(
            self._network,
            self.optimizer,
            length,
            show_trainable,
            positions=positions,
            expand_nested=expand_nested,
            layer_range=layer_range,
            written=for_stdout if print_fn is None else str,
        )
        (print_fn or print)(for_stdout(text) if print_fn is None else text)

    def _repr_html_(self) -> str:
        from annlib.plots.card import model_html

        return model_html(self)

    def trace(self, x: Any, y: Any, sample_weight: Any = None) -> Trace:
        """One training step on these rows in the paper's notation, with all its numbers.

        The step is done on a copy: weights, optimizer and random streams stay as they are.

        Parameters
        ----------
        x : array_like, (features,) or (n, features)
            One row, ``x[0]``, or a few, ``x[:3]``.
        y : array_like, of the output's shape, or labels (n,)
            Its target, or theirs.
        sample_weight : float, at least 0, or array_like, (n,), optional
            Also of the outputs, as in ``fit``.

        Returns
        -------
        Trace
            Prints as text and shows itself as a page in a notebook; ``verify`` holds it against
            the paper's own equations and finite differences.

        Raises
        ------
        NotCompiledError
            Before ``compile``.
        ShapeError, DataError
            If the rows or targets are none of this model.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(2, activation="tanh")], seed=0)
        >>> model.compile("sgd", "mse")
        >>> trace = model.trace([1.0, 2.0], [0.5, -0.5])
        >>> [step.text for step in trace["dense"].forward]
        ['{Z} ← [Wᵀ]{X} ⊕ {B}', '{A} ← tanh({Z})']
        >>> trace.verify().passed
        True
        """
        from annlib.tracing.recorder import trace

        return trace(self._network, self._require_compiled("Sequential.trace"), x, y, sample_weight)

    # -- files -----------------------------------------------------------------------------------

    def to_json(self, **arguments: Any) -> str:
        """The architecture, without weights, as text; arguments are those of ``json.dumps``.

        Parameters
        ----------
        **arguments
            Those of ``json.dumps``: ``indent=2``.

        Returns
        -------
        str

        Raises
        ------
        ConfigurationError
            If a part can be no part of a file: a layer of a function without a name.
        TypeError
            For arguments that ``json.dumps`` does not have.

        Examples
        --------
        >>> from annlib import Sequential, layers, models
        >>> text = Sequential([layers.Dense(1)], seed=0).to_json()
        >>> models.model_from_json(text).layers
        [Dense(1)]
        """
        import json

        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **arguments)

    @property
    def metadata(self) -> dict[str, Any]:
        """The user's own words on the model, which ``save`` puts into the file (not in Keras).

        What JSON can hold: where the data came from, classes, units, a score. Copies have it, too.

        >>> from annlib import Sequential
        >>> model = Sequential()
        >>> model.metadata["classes"] = ["cat", "dog"]
        >>> model.metadata
        {'classes': ['cat', 'dog']}
        """
        found: dict[str, Any] = vars(self).setdefault("_metadata", {})
        return found

    @metadata.setter
    def metadata(self, value: Mapping[str, Any]) -> None:
        if not isinstance(value, Mapping):
            raise ConfigurationError(
                f"Sequential.metadata: expected a dictionary, got {value!r}. Write "
                'model.metadata["note"] = ..., or whatever it is about.'
            )
        self._metadata = dict(value)

    @naming_arguments("Sequential.save")
    def save(
        self,
        filepath: str | os.PathLike[str] | BinaryIO,
        overwrite: bool = True,
        *,
        include_optimizer: bool = True,
    ) -> None:
        """Write the model to a safetensors file, whole or not at all.

        It holds layers and weights, what ``compile`` was given, the optimizer's state, the random
        streams and ``metadata``: training that continues from ``annlib.load_model`` is, to the bit,
        the training that was not interrupted.

        Parameters
        ----------
        filepath : path or binary file object
            An open file object (``io.BytesIO()``) is written from where it stands. The format is
            safetensors, whatever the name ends in: ``.onnx`` is refused.
        overwrite : bool
            Whether to replace a file that exists.
        include_optimizer : bool
            Whether to write what ``compile`` was given and the optimizer's state. Without them the
            file is a third of its size with Adam, the model that is loaded is not compiled, and
            losses and metrics may be plain functions.

        Raises
        ------
        ConfigurationError
            If a part can be no part of a file: a plain function, or a class of your own that its
            configuration does not make again.
        FileExistsError
            If the file exists and ``overwrite`` is false.
        OSError
            If the system cannot write it.

        Warns
        -----
        UserWarning
            If the name promises Keras' format, ``.keras`` or ``.h5``.

        Examples
        --------
        >>> import io
        >>> from annlib import Sequential, layers, load_model
        >>> model = Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> file = io.BytesIO()
        >>> model.save(file)
        >>> _ = file.seek(0)
        >>> load_model(file).optimizer
        Adam()
        """
        from annlib.saving import model_file

        check_flag(include_optimizer, "Sequential.save", "include_optimizer")
        check_flag(overwrite, "Sequential.save", "overwrite")
        with self._evaluating():
            model_file.write(*self._describe(include_optimizer), filepath, overwrite)

    @naming_arguments("Sequential.export")
    def export(
        self,
        filepath: str | os.PathLike[str] | BinaryIO,
        format: str = "onnx",  # Keras' name
        verbose: bool | None = None,
        input_signature: None = None,
        **keywords: Any,
    ) -> None:
        """Write what the model predicts for other programs: ``annlib.export.onnx``, or ``source``.

        Parameters
        ----------
        filepath : path or binary file object
        format : {"onnx", "c", "python"}
        verbose : bool, optional
            Nothing is printed.
        input_signature : None
            The input is the model's, and the number of rows is free.
        **keywords
            Those of the function: ``opset_version``, ``overwrite``, ``input_names``, ...

        Raises
        ------
        ConfigurationError, NotBuiltError, FileExistsError
            As those functions say; before anything is written.

        Examples
        --------
        >>> import os, tempfile
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(1, "sigmoid")])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export(os.path.join(folder, "model.c"), format="c")
        ...     os.listdir(folder)
        ['model.c']
        """
        from annlib.graph.files import write_onnx, write_source

        where = "Sequential.export"
        others = ("tf_saved_model", "litert", "openvino", "torch")
        if isinstance(format, str) and format in others:
            raise ConfigurationError(
                f"{where}: expected format one of onnx, c, python, got {show(format)}. Export the "
                "model as Keras': annlib.export.to_keras(model).export(...)."
            )
        check_choice(format, where, "format", ("onnx", "c", "python"))
        check_flag(bool(verbose) if verbose is None else verbose, where, "verbose")
        if input_signature is not None:
            raise ConfigurationError(
                f"{where}: expected input_signature=None, got {show(input_signature)}. The input "
                "is the model's, of any number of rows."
            )
        writing: Callable[..., Any] = write_onnx if format == "onnx" else write_source
        known = {*inspect.signature(writing).parameters} - {
            "model",
            "filepath",
            "language",
            "where",
        }
        if unknown := sorted(keywords.keys() - known):
            raise ConfigurationError(
                f"{where}: expected arguments for {format} among {', '.join(sorted(known))}, got "
                f"{', '.join(unknown)}."
            )
        language = {} if format == "onnx" else {"language": format}
        writing(self, filepath, where=where, **language, **keywords)

    def _graph(self, where: str) -> Graph:
        """The predicting pass as a graph, for ``annlib.export``."""
        from annlib.graph.network_graph import graph_of

        with self._evaluating():
            return graph_of(self._network, where)

    def _check_saving(self) -> None:
        """Raise the error that ``save`` would of what it cannot save, and write nothing."""
        from annlib.saving import container

        container.to_bytes("model", self._describe()[0], {})

    def _describe(self, compiled: bool = True) -> tuple[dict[str, Any], dict[str, Array]]:
        """The header and the tensors of the model's file."""
        from annlib.saving import model_file
        from annlib.saving.serializable import check_name, checked_metadata, configured

        header, tensors = model_file.describe(self._network, self._compiled if compiled else None)
        if self.metadata:
            header["metadata"] = checked_metadata(self.metadata)
        cls, where = type(self), "Sequential.save"
        if cls is Sequential:
            return header, tensors
        check_name(self, registry, where)
        own = constructor_arguments(cls) != constructor_arguments(Sequential)
        arguments = configured(self, where)["config"] if own else None
        header |= {"class_name": cls.__name__, "arguments": arguments}
        try:
            with custom_object_scope({cls.__name__: cls}):
                made_again(header)
        except Exception as error:  # of the user's own constructor
            raise ConfigurationError(
                f"{where}: expected a class that its configuration makes again, got "
                f"{cls.__name__} and {type(error).__name__}: {error}"
            ) from error
        return header, tensors

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickles and copies have the objects themselves; who asks for the state alone, as skops
        # does, gets plain values, which need no trust. A state of the user's own is for both.
        if type(self).__getstate__ is not Sequential.__getstate__:
            return super().__reduce_ex__(protocol)
        return copyreg.__newobj__, (type(self),), super().__getstate__()  # type: ignore[attr-defined]  # in no stub

    def __getstate__(self) -> dict[str, Any]:
        from annlib.models.plain_state import plain_state

        return plain_state(self, super().__getstate__())

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        from annlib.models.plain_state import objects_of

        super().__setstate__(objects_of(type(self), made_again, state))

    @naming_arguments("Sequential.save_weights")
    def save_weights(
        self, filepath: str | os.PathLike[str] | BinaryIO, overwrite: bool = True
    ) -> None:
        """Write the weights to a safetensors file, whole or not at all, or to a file object.

        Parameters
        ----------
        filepath : path or binary file object
        overwrite : bool
            Whether to replace a file that exists.

        Raises
        ------
        NotBuiltError
            Before the weights are made.
        FileExistsError
            If the file exists and ``overwrite`` is false.
        OSError
            If the system cannot write it.

        Examples
        --------
        >>> import io
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> file = io.BytesIO()
        >>> model.save_weights(file)
        >>> _ = file.seek(0)
        >>> other = Sequential([layers.Input((3,)), layers.Dense(1)])
        >>> other.load_weights(file)
        >>> (other.get_weights()[0] == model.get_weights()[0]).all()
        np.True_
        """
        from annlib.saving.weights_file import save_weights

        check_flag(overwrite, "Sequential.save_weights", "overwrite")
        with self._evaluating():
            save_weights(self._network, filepath, overwrite)

    @naming_arguments("Sequential.load_weights")
    def load_weights(
        self, filepath: str | os.PathLike[str] | BinaryIO, skip_mismatch: bool = False
    ) -> None:
        """Read the weights from a file that ``save_weights`` or ``save`` wrote; all or none.

        Keras' files of weights (``.weights.h5``) and of whole models (``.keras``, ``.h5``) are read
        as well, into a model of the same layers in the same order. That needs h5py
        (``pip install "annlib[keras]"``) and no Keras.

        Parameters
        ----------
        filepath : path or binary file object
        skip_mismatch : bool
            Leave layers whose weights have other shapes as they are, with a warning.

        Raises
        ------
        NotBuiltError
            Before the weights are made.
        ModelFormatError
            If the file is damaged, or is of another network.
        OSError
            If the system cannot open or read it.

        Examples
        --------
        >>> import os, tempfile
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Input((3,)), layers.Dense(1)], seed=0)
        >>> other = Sequential([layers.Input((3,)), layers.Dense(1)], seed=1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.weights.safetensors")
        ...     model.save_weights(path)
        ...     other.load_weights(path)
        >>> bool((other.get_weights()[0] == model.get_weights()[0]).all())
        True
        """
        from annlib.saving.weights_file import load_weights

        check_flag(skip_mismatch, "Sequential.load_weights", "skip_mismatch")
        load_weights(self._network, filepath, skip_mismatch)

    def _arguments(self) -> dict[str, Any]:
        own = self._network.arguments()
        found = {name: own.get(name, value) for name, value in super()._arguments().items()}
        if "layers" not in inspect.signature(type(self).__init__).parameters:
            found.pop("layers", None)  # a subclass with **keywords that makes its layers itself
        return found


# Python's own errors name the class that a method was written in, and users know this one alone.
for _method in vars(Trainer).values():
    while isinstance(_method, FunctionType):  # and what a decorator has around it
        _method.__qualname__ = _method.__qualname__.replace("Trainer", "Sequential", 1)
        _method = getattr(_method, "__wrapped__", None)  # the next one inside


def _network_of(layer: Any) -> Any:
    """A layer as it is, and a model as the network it has."""
    if not isinstance(layer, Trainer):
        return layer
    layer._refuse_keras_methods("Sequential.add")
    return layer._network


def made_again(header: Mapping[str, Any]) -> Sequential | None:
    """The model that the class of a file makes of its arguments; None if the class has those of
    ``Sequential``, which stand in ``config``.
    """
    from annlib.saving.model_file import check_made_again

    if header.get("arguments") is None:
        return None
    cls = registry.find(header["class_name"], "load_model")
    model = cls.from_config(header["arguments"])
    check_made_again(model._network, header["config"])
    return model


registry: Registry[Sequential] = Registry("model", Sequential, listed=False)
register = registry.register
get = registry.get
register("sequential")(Sequential)
