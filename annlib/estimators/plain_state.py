"""The state of an estimator in plain values, texts and arrays, as its file has them.

Who reads it needs to trust no class but the estimator's own: it is what ``skops.io`` writes.
"""

from __future__ import annotations

import copyreg
import json
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np

from annlib.core.errors import AnnlibError
from annlib.estimators.files import describe_parameters, restore, restore_parameters
from annlib.estimators.persistence import Persistent
from annlib.models.plain_state import has_functions
from annlib.optimizers import Optimizer

_HEADER, _TENSORS = "_header", "_tensors"


class PlainlyPersistent(Persistent):
    """To inherit from: pickles and copies have the objects themselves; who asks for the state
    alone, as skops does, gets plain values.
    """

    def __reduce_ex__(self, protocol: Any) -> Any:
        if type(self).__getstate__ is not PlainlyPersistent.__getstate__:
            return super().__reduce_ex__(protocol)  # a state of the user's own is for both
        return copyreg.__newobj__, (type(self),), self._state()  # type: ignore[attr-defined]  # in no stub

    def __getstate__(self) -> dict[str, Any]:
        return plain_state(self, self._state())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(objects_of(type(self), state))


def plain_state(estimator: Any, state: dict[str, Any]) -> dict[str, Any]:
    """A state without the objects that a file could hold; the state itself if there are others in
    the network. Parameters that no file can hold, such as functions, stay as they are.
    """
    fitted = estimator.__sklearn_is_fitted__()
    tensors: dict[str, Any] = {}
    try:
        with estimator.model_._evaluating() if fitted else nullcontext():
            if fitted:
                header, tensors = estimator._describe()
            else:
                header = describe_parameters(estimator, tensors)
            tensors = {name: np.array(array) for name, array in tensors.items()}
        text = json.dumps(header)
        # Made again as loading will do it, which tells what else there is.
        known = vars(_made(type(estimator), json.loads(text), tensors))
    except (AnnlibError, TypeError, ValueError):
        return state
    models = [header[name] for name in ("model", "given") if header.get(name)]
    if any(map(has_functions, models)):
        return state
    left_out = header["left_out"]
    # A warm start compares an optimizer with that of the network, of which a file has the outcome.
    if any(name not in state or isinstance(state[name], Optimizer) for name in left_out):
        return state
    rest = {n: v for n, v in state.items() if n in left_out or n not in known}
    return {**rest, _HEADER: text, _TENSORS: tensors}


def objects_of(cls: Any, state: Mapping[str, Any]) -> dict[str, Any]:
    """The state with the objects that ``plain_state`` was given."""
    rest = dict(state)
    if _HEADER not in rest:
        return rest
    header, tensors = json.loads(rest.pop(_HEADER)), rest.pop(_TENSORS)
    return {**vars(_made(cls, header, tensors)), **rest}


def _made(cls: Any, header: Mapping[str, Any], tensors: Mapping[str, Any]) -> Any:
    """The estimator that they describe, fitted or not."""
    if "model" in header:
        return restore(cls, header, tensors)
    return cls(**restore_parameters(header, tensors))
