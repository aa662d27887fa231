"""The state of a model in plain values, texts and arrays, as its file has them.

Who reads it needs to trust no class but the model's own: it is what ``skops.io`` writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from annlib.callbacks import History
from annlib.core.arrays import Array
from annlib.core.errors import AnnlibError
from annlib.saving.function_metrics import without_unknown
from annlib.saving.model_file import restore_compiled, restore_network, restore_optimizer

_HEADER, _TENSORS, _HISTORY = "_header", "_tensors", "_history"


def restored(
    cls: Any,
    model: Any,
    header: Mapping[str, Any],
    tensors: Mapping[str, Array],
    compile: bool = True,
) -> Any:
    """The model of this class that a file's header and tensors describe.

    Parameters
    ----------
    cls : type
    model : Sequential or None
        What its class has made of its own arguments, if it has some: brought to where the file's
        was.
    header, tensors
    compile : bool
    """
    own = None if model is None else model._network
    network = restore_network(header, tensors, own)
    if model is None:
        model = cls(seed=network.seed, dtype=network.dtype, name=header["config"]["name"])
        model._network = network
    if compile and (given := header["compiled"]) is not None:
        compiled = restore_compiled(given, network)
        model._set_compiled(compiled, anew=False)
        restore_optimizer(network, compiled.optimizer, given["run"], tensors)
    if "metadata" in header:
        model.metadata = header["metadata"]
    return model


def plain_state(model: Any, state: dict[str, Any]) -> dict[str, Any]:
    """A state without the objects that a file could hold; the state itself if there are others."""
    try:
        with model._evaluating():
            header, tensors = model._describe()
            tensors = {name: np.array(array) for name, array in tensors.items()}
        text = json.dumps(header)
    except (AnnlibError, TypeError, ValueError):
        return state
    if has_functions(header):
        return state
    history = state.get("history")
    return {
        _HEADER: text,
        _TENSORS: tensors,
        _HISTORY: None if history is None else history.__getstate__(),
    }


def has_functions(header: Mapping[str, Any]) -> bool:
    """Whether a model has metrics that are functions, of which a file has the names."""
    compiled = header["compiled"]
    return compiled is not None and bool(without_unknown(compiled)[1])


def objects_of(cls: Any, made_again: Any, state: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state with the objects that ``plain_state`` was given."""
    if _HEADER not in state:
        return state
    header = json.loads(state[_HEADER])
    found: dict[str, Any] = vars(restored(cls, made_again(header), header, state[_TENSORS]))
    if state[_HISTORY] is not None:
        found["history"] = history = History()
        vars(history).update(state[_HISTORY])
    return found
