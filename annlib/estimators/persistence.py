"""Pickles and files of estimators: all that training goes on with, and what wrote them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from sklearn.utils.validation import check_is_fitted

from annlib._version import __version__
from annlib.core.arrays import Array
from annlib.core.errors import ConfigurationError
from annlib.core.tracebacks import with_short_tracebacks
from annlib.estimators.files import describe, restore, save_estimator
from annlib.estimators.parameter_codes import LeftOut
from annlib.models import Sequential


class InconsistentVersionWarning(UserWarning):
    """An estimator was unpickled by another version of annlib than the one that pickled it.

    Parameters
    ----------
    estimator_name : str
    current : str
        The version that runs.
    original : str
        The one that pickled it.

    Attributes
    ----------
    estimator_name, current_annlib_version, original_annlib_version : str
        The same.

    Examples
    --------
    >>> print(InconsistentVersionWarning("MLPClassifier", "0.2.0", "0.1.0"))
    MLPClassifier: expected a pickle of annlib 0.2.0, got one of 0.1.0, which may give wrong ...
    """

    def __init__(self, estimator_name: str, current: str, original: str) -> None:
        self.estimator_name = estimator_name
        self.current_annlib_version = current
        self.original_annlib_version = original
        # All of them, so that a warning that is raised as an error can be pickled by joblib.
        super().__init__(estimator_name, current, original)

    def __str__(self) -> str:
        return (
            f"{self.estimator_name}: expected a pickle of annlib {self.current_annlib_version}, "
            f"got one of {self.original_annlib_version}, which may give wrong predictions. Fit it "
            "again, or move model_ in a file: model_.save(path), annlib.load_model(path)."
        )


class Persistent:
    """To inherit from, before ``BaseEstimator``: what ``pickle`` and ``joblib`` keep.

    The network comes with its optimizer's state and its random streams, as in scikit-learn: a copy
    goes on, by ``partial_fit`` or a warm start, as the original would.
    """

    @with_short_tracebacks
    def save(self, path: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Write the fitted estimator to a file without pickle, for ``annlib.load_estimator``.

        It holds the network with its optimizer's state, what y means, the names of the features
        and the parameters: training goes on from it as from the estimator itself. Parameters that
        are functions, or callbacks that write files, are left out with a warning.

        Parameters
        ----------
        path : path
            In annlib's format, safetensors, whatever the name ends in: ``.onnx`` is refused.
        overwrite : bool, default=True
            Whether a file that is there may be replaced.

        Raises
        ------
        NotFittedError
            Before ``fit``.
        ConfigurationError
            If a part of the network can be in no file, or a class label is none of text, number
            and boolean.
        FileExistsError
            If the file exists and ``overwrite`` is false.
        OSError
            If the system cannot write it.

        Examples
        --------
        >>> import tempfile
        >>> import annlib
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
        >>> net = annlib.MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     net.save(f"{folder}/net.safetensors")
        ...     annlib.load_estimator(f"{folder}/net.safetensors")
        MLPClassifier(hidden_layer_sizes=(), random_state=0, solver='lbfgs')
        """
        check_is_fitted(self)
        save_estimator(self, path, overwrite=overwrite)

    def _network_kept(self) -> Sequential:
        """The network of which a file has the weights."""
        network: Sequential = vars(self)["model_"]
        return network

    def _evaluating(self) -> AbstractContextManager[Any]:
        """A context in which the weights are those that a file is to have."""
        return self._network_kept()._evaluating()

    def _describe(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Header and tensors of a file."""
        return describe(self)

    @classmethod
    def _from_file(
        cls,
        header: Mapping[str, Any],
        tensors: Mapping[str, Array],
        kinds: Mapping[str, Any],  # noqa: ARG003  # of those that have estimators in them
    ) -> Any:
        """The estimator that ``_describe`` described; in it there may be others of these kinds."""
        return restore(cls, header, tensors)

    def _require_parameters(self, method: str) -> None:
        """Raise ``ConfigurationError`` for parameters that a file could not hold."""
        missing = [name for name, value in vars(self).items() if isinstance(value, LeftOut)]
        if missing:
            names = ", ".join(f"{name} {getattr(self, name)!r}" for name in missing)
            raise ConfigurationError(
                f"{type(self).__name__}.{method}: expected all parameters, got an estimator from "
                f"a file that could not hold {names}. Give them again: "
                f"set_params({missing[0]}=...)."
            )

    def __sklearn_clone__(self) -> Any:
        self._require_parameters("clone")
        parent: Any = super()
        return parent.__sklearn_clone__()

    def __copy__(self) -> Any:
        # Not by the state, whose network is for a file: a shallow copy shares this one.
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def _state(self) -> dict[str, Any]:
        """What a pickle keeps: the attributes, with the objects that they are."""
        parent: Any = super()
        return {**parent.__getstate__(), "_annlib_version": __version__}

    def __getstate__(self) -> dict[str, Any]:
        return self._state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        written = state.pop("_annlib_version", "before 0.1")
        if written != __version__:
            warnings.warn(
                InconsistentVersionWarning(type(self).__name__, __version__, written),
                stacklevel=2,
            )
        parent: Any = super()
        if hasattr(parent, "__setstate__"):
            parent.__setstate__(state)
        else:
            self.__dict__.update(state)
