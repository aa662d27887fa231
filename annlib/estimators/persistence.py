"""Pickles of estimators: small, and marked with the version that wrote them."""

from __future__ import annotations

import warnings
from typing import Any

from annlib._version import __version__
from annlib.models import Sequential


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

    The optimizer's state, which is two to three times the weights, stays behind unless training
    shall go on: with ``warm_start``, or once ``partial_fit`` was used (``_goes_on`` is true then).
    """

    _goes_on: bool = False

    def __copy__(self) -> Any:
        # Not by the state, whose network is for a file: a shallow copy shares this one.
        copied = object.__new__(type(self))
        copied.__dict__.update(self.__dict__)
        return copied

    def __getstate__(self) -> dict[str, Any]:
        parent: Any = super()
        state = dict(parent.__getstate__())
        model = state.get("model_")
        if isinstance(model, Sequential) and not (self._goes_on or state.get("warm_start")):
            state["model_"] = without_optimizer_state(model)
        return {**state, "_annlib_version": __version__}

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


def without_optimizer_state(model: Sequential) -> Sequential:
    """The model to be pickled, with an optimizer that has not made a step; for nothing else."""
    slim: Sequential = object.__new__(Sequential)
    slim.__dict__.update(model.__getstate__())
    if model._compiled is not None:
        slim._compiled = model._compiled.with_fresh_optimizer()
    return slim
