"""Pickles of estimators: all that training goes on with, and the version that wrote them."""

from __future__ import annotations

import warnings
from typing import Any

from annlib._version import __version__


class InconsistentVersionWarning(UserWarning):
    """An estimator was unpickled by another version of annlib than the one that pickled it.

    Attributes
    ----------
    estimator_name, current_annlib_version, original_annlib_version : str
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

    def __copy__(self) -> Any:
        # Not by the state, whose network is for a file: a shallow copy shares this one.
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        parent: Any = super()
        return {**parent.__getstate__(), "_annlib_version": __version__}

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
