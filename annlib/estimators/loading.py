"""Estimators read from files, each of a class that is known by its name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from annlib.core.checks import check_path
from annlib.core.registry import check_custom_objects, custom_object_scope
from annlib.core.tracebacks import with_short_tracebacks
from annlib.estimators.files import class_of
from annlib.estimators.hidden import HiddenLayerTransformer
from annlib.estimators.perceptron import MLPClassifier, MLPRegressor
from annlib.estimators.persistence import Persistent
from annlib.estimators.sequential import SequentialClassifier, SequentialRegressor
from annlib.estimators.tabular import TabularClassifier, TabularRegressor
from annlib.saving import container, model_file

_KINDS: dict[str, type[Persistent]] = {
    cls.__name__: cls
    for cls in (
        MLPClassifier,
        MLPRegressor,
        SequentialClassifier,
        SequentialRegressor,
        HiddenLayerTransformer,
        TabularClassifier,
        TabularRegressor,
    )
}


@with_short_tracebacks
def load_estimator(
    path: str | os.PathLike[str], custom_objects: Mapping[str, type] | None = None
) -> Any:
    """The fitted estimator that its method ``save`` wrote to a file.

    Classes are looked up by name among those that are registered; nothing that the file names is
    imported, and nothing in it is run. Parameters that the file could not hold, such as functions,
    are missing: it predicts, and ``fit`` and ``clone`` say which they are until ``set_params``
    has given them.

    Parameters
    ----------
    path : path
    custom_objects : dict of str to class, optional
        Classes of your own by the name that the file has for them, estimators too.

    Returns
    -------
    MLPClassifier, MLPRegressor, or another of the estimators

    Raises
    ------
    ModelFormatError
        If the file is damaged, foreign, of another kind, or names what is not known.
    OSError
        If the system cannot open or read it.

    Examples
    --------
    >>> import tempfile
    >>> import annlib
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> net = annlib.MLPClassifier((), solver="lbfgs", random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     net.save(f"{folder}/net.safetensors")
    ...     annlib.load_estimator(f"{folder}/net.safetensors").predict([[0.5], [2.5]]).tolist()
    ['no', 'yes']
    """
    path = check_path(path, "load_estimator", "path")
    given = check_custom_objects(custom_objects, "load_estimator")
    own = {n: c for n, c in given.items() if isinstance(c, type) and issubclass(c, Persistent)}
    others = {name: cls for name, cls in given.items() if name not in own}
    header, tensors = container.read(path, "estimator")
    with custom_object_scope(others), model_file.refusing(path):
        kinds = {**_KINDS, **own}
        return class_of(header, kinds)._from_file(header, tensors, kinds)
