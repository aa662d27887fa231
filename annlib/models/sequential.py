"""Sequential: a network as a list of layers, and everything that a user does with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from annlib.core.errors import ConfigurationError
from annlib.core.registry import known_as
from annlib.models.trainer import Trainer

if TYPE_CHECKING:
    from annlib.tracing import Trace


class Sequential(Trainer):
    """A feed-forward network: layers one after the other, on whole mini-batches.

    Parameters
    ----------
    layers : sequence of Layer, optional
        May begin with an ``Input``; without one the weights are made when the first data come.
        A ``Sequential`` among them stands for its layers.
    seed : int, optional
        Everything random in the model follows from it: initial weights, shuffling, dropout.
        Without one a seed is drawn and kept in ``seed``.
    dtype : {"float32", "float64"}
        The arithmetic.
    name : str, optional

    Attributes
    ----------
    optimizer, loss, metrics
        What ``compile`` made of its arguments.
    history : History
        Of the last ``fit``.
    stop_training : bool
        Set by a callback to end ``fit`` after the batch.

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
        super().__init__(layers, seed, dtype, name)
        self._build_if_known()

    def summary(
        self,
        line_length: int | None = None,
        print_fn: Callable[[str], None] | None = None,
        show_trainable: bool = False,
    ) -> None:
        """Print a table of the layers, their output shapes and parameters."""
        from annlib.models.summary import summary

        (print_fn or print)(summary(self, line_length, show_trainable))

    def _repr_html_(self) -> str:
        from annlib.plots.card import model_html

        return model_html(self)

    def trace(self, x: Any, y: Any, sample_weight: Any = None) -> Trace:
        """One training step on these rows in the paper's notation, with all its numbers.

        The step is done on a copy: weights, optimizer and random streams stay as they are.

        Parameters
        ----------
        x : array_like
            One row, ``x[0]``, or a few, ``x[:3]``.
        y : array_like
            Its target, or theirs.
        sample_weight : float or array_like, (n,), optional

        Returns
        -------
        Trace
            Prints as text and shows itself as a page in a notebook; ``verify`` holds it against
            the paper's own equations and finite differences.

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
        from annlib.models.traced import trace

        return trace(self, x, y, sample_weight)

    def to_json(self, **arguments: Any) -> str:
        """The architecture, without weights, as text; arguments are those of ``json.dumps``."""
        import json

        return json.dumps({"class_name": "Sequential", "config": self.get_config()}, **arguments)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the model to a safetensors file, whole or not at all.

        It holds layers and weights, what ``compile`` was given, the optimizer's state and the
        random streams: training that goes on from ``annlib.load_model`` is, to the bit, the
        training that was not interrupted.

        Raises
        ------
        ConfigurationError
            If a part can be no part of a file: a plain function, or a class of your own that its
            configuration does not make again.
        FileExistsError
            If the file exists and ``overwrite`` is false.
        """
        from annlib.models.model_file import save_model

        save_model(self, filepath, overwrite)

    def check_saving(self) -> None:
        """Raise the error that ``save`` would of what it cannot save, and write nothing."""
        from annlib.models.model_file import check_saving

        check_saving(self)

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the weights to a safetensors file, whole or not at all.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is false.
        """
        from annlib.models.weights_file import save_weights

        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Read the weights from a file that ``save_weights`` wrote; all of them or none.

        Parameters
        ----------
        filepath : path
        skip_mismatch : bool
            Leave layers whose weights have other shapes as they are, with a warning.

        Raises
        ------
        ModelFormatError
            If the file is damaged, or is of another network.
        """
        from annlib.models.weights_file import load_weights

        load_weights(self, filepath, skip_mismatch)


def clone_model(model: Sequential) -> Sequential:
    """A model of the same configuration with new weights (of the same seed), not compiled."""
    clone: Sequential = model.clone()
    return clone


def model_from_json(text: str, custom_objects: Mapping[str, type] | None = None) -> Sequential:
    """The model that ``to_json`` described, with new weights.

    Parameters
    ----------
    text : str
    custom_objects : dict of str to class, optional
        Classes of your own that are not registered.
    """
    import json

    config = json.loads(text)
    if not isinstance(config, dict) or config.get("class_name") != "Sequential":
        raise ConfigurationError(
            "model_from_json: expected the text of a Sequential.to_json, got another."
        )
    with known_as(custom_objects or {}):
        return Sequential.from_config(config["config"])


def load_model(
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, type] | None = None,
    compile: bool = True,  # Keras' name
) -> Sequential:
    """The model that ``Sequential.save`` wrote to a file.

    Classes are looked up by name among those that are registered; nothing that the file names is
    imported, and nothing in it is run.

    Parameters
    ----------
    path : path
    custom_objects : dict of str to class, optional
        Classes of your own by the name that the file has for them. A class with
        ``@layers.register()`` (or of another family) above it is known without.
    compile : bool
        Whether to compile as the model was, optimizer state included.

    Returns
    -------
    Sequential

    Raises
    ------
    ModelFormatError
        If the file is damaged, foreign, of another kind, or names what is not known.
    OSError
        If the system cannot open or read it.
    """
    from annlib.models.model_file import read

    model: Sequential = read(path, Sequential, custom_objects or {}, compile)
    return model


def save_model(model: Sequential, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """``model.save(filepath, overwrite)``."""
    model.save(filepath, overwrite)
