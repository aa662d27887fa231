"""What a loss is: the paper's loss layer (6.3, 7.1), a number for each row and its gradient.

To add one: a class with ``forward`` and ``backward`` side by side (``terms`` and ``slopes``, if a
row is the mean or the sum of its outputs), ``@register()`` above it, and a row in the tests' table
of cases.
Weights and reductions are here, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypedDict

import numpy as np

from annlib.core import numerics
from annlib.core.arrays import Array, BatchShape, Shape
from annlib.core.checks import (
    check_choice,
    check_name,
    check_numeric,
    is_whole,
    to_array,
)
from annlib.core.config import Configurable, refuse_unknown
from annlib.core.errors import ConfigurationError, ShapeError, show
from annlib.core.formula import Formula, word
from annlib.core.registry import Registry
from annlib.core.sample_weights import as_sample_weights, by_row
from annlib.core.tracebacks import with_short_tracebacks
from annlib.core.workspace import Workspace
from annlib.losses.targets import LABELS, TWO_CLASSES, is_labels, matching_targets

#: With what each makes of the rows' losses.
REDUCTIONS = {
    "sum_over_batch_size": r"L = \frac{1}{n} \sum_r w_r E_r",
    "mean": r"L = \frac{1}{n} \sum_r w_r E_r",
    "sum": r"L = \sum_r w_r E_r",
    "mean_with_sample_weight": r"L = \frac{\sum_r w_r E_r}{\sum_r w_r}",
    "none": "L_r = w_r E_r",
}


class LossArguments(TypedDict, total=False):
    """The arguments that every loss takes; they are the last, by position too, as in Keras."""

    reduction: str | None
    name: str | None


class Loss(Configurable):
    """E = reduction of w_r E_r over the rows r of a batch.

    A subclass writes

    - ``forward(Y, A, E, work)``: the loss E_r of each row into E, (n,).
    - ``backward(Y, A, dA, work)``: dE_r/dA of each row into dA, of A's shape. It runs after
      ``forward`` with the same ``work`` and finds there what that has stored.

    Parameters
    ----------
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"}
        ``sum_over_batch_size`` (``mean`` is the same) divides by the number of rows n, whatever
        the weights, as Keras does; ``mean_with_sample_weight`` divides by the sum of the weights;
        ``sum`` is the paper's accumulation (5.2); ``none`` keeps one number a row and cannot be
        trained on.
    name : str, optional
        How messages and summaries call it; the registered name by default.
    dtype : {"float32", "float64"}, optional
        As in Keras, but it must be the model's.

    Raises
    ------
    ConfigurationError
        For an argument out of its range, or an unknown reduction.
    ArgumentError
        For an argument that it does not have; the message names the nearest.
    ShapeError, DataError
        When it is called, or in ``fit``, for shapes that do not agree, and for what is no number or
        no target of it.

    Examples
    --------
    >>> import numpy as np
    >>> class Largest(Loss):
    ...     def forward(self, Y, A, E, work):
    ...         np.max(np.abs(A - Y), axis=1, out=E)
    ...     def backward(self, Y, A, dA, work):
    ...         D = A - Y
    ...         largest = np.abs(D) == np.max(np.abs(D), axis=1, keepdims=True)
    ...         dA[...] = np.sign(D) * largest
    >>> Largest()([[0.0, 0.0]], [[1.0, -3.0]])
    3.0
    """

    #: Targets are "values" of the prediction's shape, or integer "labels", one a row.
    target_kind: ClassVar[str] = "values"
    #: What it is for: to predict numbers, or classes of which a row has each or not ("binary") or
    #: exactly one ("classes"). Of a class that does not say so it is not known.
    task: ClassVar[Literal["regression", "binary", "classes"]] = "regression"
    #: Of classes: whether predictions are distances from the border, and not probabilities.
    margin: ClassVar[bool] = False
    #: Whether predictions are what its activation gets, and not what that makes of it.
    from_logits: bool = False
    #: The registered name of the activation that it takes over, computed from logits: it has the
    #: argument ``from_logits``. A subclass that writes methods of its own says so again.
    fuses_with: ClassVar[str] = ""
    #: The registered name of one that gives what it can take, where linear outputs may not and it
    #: takes over none.
    suits: ClassVar[str] = ""
    #: What ``explain`` draws: from which prediction to which, and for which target.
    drawn: tuple[float, float, float] | None = (-3.0, 3.0, 0.0)
    #: From logits, ``forward`` leaves the probabilities in ``work`` under this name.
    PROBABILITIES: ClassVar[str] = "probabilities"

    _stored_as = {"name": "_name"}  # noqa: RUF012  # never changed
    _takes_dtype = True
    _watched = True
    _keras_methods = {"call": "forward", "__call__": "forward"}  # noqa: RUF012  # never changed
    _extending = (
        "Write forward(self, Y, A, E, work) and backward(self, Y, A, dA, work), as "
        "annlib.losses.Loss shows, or pass two functions (fn, gradient): annlib has no automatic "
        "differentiation."
    )
    _instead = "Make a new one with other arguments, and compile again with it."
    #: Whether targets may be missing, which then count in neither sum nor denominator: those that
    #: ``missing`` finds.
    masks: bool = False
    #: The quantiles of one target, where each is an output of its own.
    levels: Sequence[float] = ()
    #: Whether E_r is the mean of its outputs' terms, and not their sum.
    averages_outputs: ClassVar[bool] = False
    #: Whether dE_r/dz = a - y (over N if it averages) for the logits z of the activation that it
    #: takes over.
    canonical: bool = False
    #: Its name in ``annlib.reference``, if it is there; a subclass that is there, too, says so.
    reference_name: ClassVar[str] = ""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self).__name__, unknown, type(self))
        where = type(self).__name__
        reduction = "none" if reduction is None else reduction
        self.reduction: str = check_choice(reduction, where, "reduction", (*REDUCTIONS,))
        self._name = check_name(name, where)

    @property
    def name(self) -> str:
        """The name given, or the registered one."""
        return self._name or self._names[0]

    # -- what a subclass writes ------------------------------------------------------------------

    def forward(self, Y: Array, A: Array, E: Array, work: Workspace) -> None:
        """Write the loss E_r of each row into E.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets, or labels if ``target_kind`` says so.
        A : ndarray, (n, units)
            Predictions.
        E : ndarray, (n,)
            The result.
        work : Workspace
            Scratch: ``work.array("name", *shape)``, kept until ``backward``.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def backward(self, Y: Array, A: Array, dA: Array, work: Workspace) -> None:
        """Write dE_r/dA of each row into dA; runs after ``forward`` with the same ``work``.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets, or labels if ``target_kind`` says so.
        A : ndarray, (n, units)
            Predictions.
        dA : ndarray, (n, units)
            The result.
        work : Workspace
            Scratch, with what ``forward`` left there.

        Raises
        ------
        NotImplementedError
            Of a subclass that does not write it.
        """
        raise NotImplementedError

    def effective_targets(self, Y: Array, work: Workspace) -> Array:
        """The targets that predictions are compared with: Y, or what ``forward`` makes of it.

        A loss that smooths or re-codes its targets does it here, for itself and for a trace.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets.
        work : Workspace
            Scratch.

        Returns
        -------
        ndarray, of Y's shape
        """
        return Y

    def missing(self, Y: Array, out: Array | None = None) -> Array:
        """Which targets are missing, of a loss that ``masks`` them.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets.
        out : ndarray of bool, of Y's shape, optional
            Where to write it.

        Returns
        -------
        ndarray of bool, of Y's shape

        Raises
        ------
        NotImplementedError
            Of a loss that masks none.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import MeanSquaredError
        >>> MeanSquaredError(mask_nan=True).missing(np.array([[1.0, np.nan]]))
        array([[False,  True]])
        """
        raise NotImplementedError

    @property
    def weighs_outputs(self) -> bool:
        """Whether each output has a term of its own in E_r, so that it can have a weight."""
        return False

    def target_rows(self, Y: Array, units: int, work: Workspace) -> Array:
        """The effective targets in rows of outputs: a label as zeros and a one.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets.
        units : int, at least 1
            How many outputs there are.
        work : Workspace
            Scratch.

        Returns
        -------
        ndarray, (n, units)
        """
        Y = self.effective_targets(Y, work)
        return np.eye(units, dtype=work.dtype)[Y] if self.target_kind == "labels" else Y

    @property
    def has_link(self) -> bool:
        """Whether predictions are logits of which ``inverse_link`` knows the activation."""
        return self.from_logits and self.task != "regression"

    def inverse_link(self, Z: Array, work: Workspace) -> Array:
        """What the activation makes of logits: probabilities.

        Parameters
        ----------
        Z : ndarray, (n, units)
            Logits.
        work : Workspace
            Whose buffer ``PROBABILITIES`` holds the result.

        Returns
        -------
        ndarray, (n, units)
        """
        P = work.array(self.PROBABILITIES, *Z.shape)
        if self.task == "binary":
            return numerics.sigmoid(Z, P)
        numerics.softmax(Z.reshape(-1, Z.shape[-1]), P.reshape(-1, Z.shape[-1]), work)
        return P

    def unclipped_gradient(self, Y: Array, A: Array) -> Array:
        """dE_r/dA of each row; where there is a plain equation, by that and without clipping.

        Parameters
        ----------
        Y : ndarray, (n, units)
            Effective targets, or zeros and a one for each label.
        A : ndarray, (n, units)
            Predictions.

        Returns
        -------
        ndarray, (n, units)

        Raises
        ------
        NotImplementedError
            Of a subclass without ``forward`` and ``backward``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import MeanSquaredError
        >>> MeanSquaredError().unclipped_gradient(np.array([[0.0, 0.0]]), np.array([[1.0, -3.0]]))
        array([[ 1., -3.]])
        """
        work, dA = Workspace(A.dtype), np.empty_like(A)
        if self.target_kind == "labels":
            Y = Y.argmax(axis=-1)
        self.forward(Y, A, work.array("E", len(A)), work)
        self.backward(Y, A, dA, work)
        return dA

    def formula(self) -> Formula:
        r"""The formula that ``explain`` shows; of a class without one, that it is a function.

        Returns
        -------
        Formula
            Equations and derivatives as text, LaTeX and MathML.

        Examples
        --------
        >>> from annlib.losses import HalfSumSquaredError
        >>> HalfSumSquaredError().formula().equations
        ('E = \\frac{1}{2} \\sum_i (a_i - y_i)^2',)
        """
        return self._function("L")

    def _function(self, name: str) -> Formula:
        """That of a function of which only the name is known."""
        slope = r"\operatorname{gradient}(\{Y\}, \{A\})_i"
        return self._formula(rf"E = {word(name)}(\{{Y\}}, \{{A\}})", slope=slope)

    def _formula(self, *equations: str, slope: str, symbols: Any = (), **more: Any) -> Formula:
        """A formula with this derivative by the outputs, or from logits by those."""
        missing = "; n and N leave out what is missing" if self.masks else ""
        columns = "{Z}, {A}" if self.from_logits else "{A}"
        columns += ": [N × 1], y: 0..N-1" if self.target_kind == "labels" else ", {Y}: [N × 1]"
        return Formula(
            self._names[0],
            "loss",
            equations,
            (rf"\frac{{\partial E}}{{\partial {'z' if self.from_logits else 'a'}_i}} = {slope}",),
            f"{columns}; E: a number; a batch: (n, N), E and w: (n,)",
            (REDUCTIONS[self.reduction],),
            symbols=(*symbols, ("w_r", f"the sample weight of row r, or 1{missing}")),
            **more,
        )

    # -- what the model calls --------------------------------------------------------------------

    def terms_shape(self, targets: Shape) -> Shape:
        """The shape of the losses that are computed from targets of this one: one a row.

        Parameters
        ----------
        targets : tuple of int, (n, ...)
            The targets' shape.

        Returns
        -------
        tuple of int, (n,)
            Of a loss of vectors (n, ...), without their axis.

        Examples
        --------
        >>> from annlib.losses import CategoricalCrossentropy, MeanSquaredError
        >>> MeanSquaredError().terms_shape((8, 5, 3))
        (8,)
        >>> CategoricalCrossentropy().terms_shape((8, 5, 3))
        (8, 5)
        """
        return targets[:1]

    def vectors(
        self, Y: Array, A: Array, weights: Array | None, work: Workspace
    ) -> tuple[Array, Array, Array | None]:
        """Targets, predictions and weights with a row for each term.

        Parameters
        ----------
        Y, A : ndarray, (n, ...)
            Targets and predictions.
        weights : ndarray, (n, ...), optional
            Sample weights.
        work : Workspace
            Scratch.

        Returns
        -------
        tuple of ndarray
            Y, A and weights, with rows for what has a loss of its own: of (n, k, units), (n k,
            units).
        """
        return Y, A, weights

    def as_weights(self, given: Array, targets: Shape, outputs: Shape, expected: str) -> Array:
        """Sample weights as ``value`` takes them: one a row, or one for each term that has one.

        Parameters
        ----------
        given : ndarray, (n,) or (n, units)
            What the user gave.
        targets, outputs : tuple of int, (n, ...)
            The shapes of the targets and of the predictions.
        expected : str
            What a message begins with.

        Returns
        -------
        ndarray, (n,) or (n, units)

        Raises
        ------
        ShapeError
            If they are neither; its message begins with ``expected``.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import MeanSquaredError
        >>> MeanSquaredError().as_weights(np.array([[1.0], [3.0]]), (2, 4), (2, 4), "expected")
        array([1., 3.])
        """
        terms = self.terms_shape(targets)
        if len(terms) > 1:
            return as_sample_weights(given, terms, each=True, expected=expected)
        return as_sample_weights(given, outputs, each=self.weighs_outputs, expected=expected)

    def value(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> float:
        """The reduced loss of a batch, and in ``work`` what ``gradient`` needs.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets as ``check_targets`` gives them.
        A : ndarray, (n, units)
            Predictions.
        weights : ndarray, (n,) or (n, units), optional
            Sample weights.
        work : Workspace
            The memory of the pass.

        Returns
        -------
        float
            Of ``reduction="none"`` the sum over the rows.
        """
        if A.ndim > 2:
            Y, A, weights = self.vectors(Y, A, weights, work)
        n: float = len(A)
        if self.masks or weights is not None:
            if self._each_counts(A, weights):
                return self._value_of_each(Y, A, weights, work)
            Y, weights, n = self.counted(Y, weights, work)
        E = work.array("E", len(A))
        self.forward(Y, A, E, work)
        if self.masks:
            np.copyto(E, 0, where=work.array("missing", len(A), dtype=bool))
        # Minus a sum of 0 is -0.0, which nobody expects of a loss.
        return float(E.dot(self._shares(n, weights, work))) + 0.0

    def gradient(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> Array:
        """dE/dA of the reduced loss; runs after ``value`` with the same arguments.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets as ``check_targets`` gives them.
        A : ndarray, (n, units)
            Predictions.
        weights : ndarray, (n,) or (n, units), optional
            Sample weights.
        work : Workspace
            The memory of the pass.

        Returns
        -------
        ndarray, (n, units)
            In a buffer of ``work``.
        """
        shape = A.shape
        if A.ndim > 2:
            Y, A, weights = self.vectors(Y, A, weights, work)
        n: float = len(A)
        if self.masks or weights is not None:
            if self._each_counts(A, weights):
                return self._gradient_of_each(Y, A, weights, work)
            Y, weights, n = self.counted(Y, weights, work)
        dA = work.array("dA", *A.shape)
        self.backward(Y, A, dA, work)
        if self.masks:
            dA[work.array("missing", len(A), dtype=bool)] = 0
        if weights is not None:
            shares = self._shares(n, weights, work)
            np.multiply(dA, shares.reshape(-1, *[1] * (A.ndim - 1)), out=dA)
        elif (factor := self._factor(n, weights)) != 1.0:
            np.multiply(dA, numerics.constant(factor, dA.dtype.char), out=dA)
        return dA if len(shape) == A.ndim else dA.reshape(shape)

    def _each_counts(self, A: Array, weights: Array | None) -> bool:
        """Whether the outputs of one row may count differently."""
        return False

    def _value_of_each(self, Y: Array, A: Array, weights: Array | None, work: Workspace) -> float:
        """``value`` where they do."""
        raise NotImplementedError

    def _gradient_of_each(
        self, Y: Array, A: Array, weights: Array | None, work: Workspace
    ) -> Array:
        """``gradient`` where they do."""
        raise NotImplementedError

    def present(self, Y: Array, work: Workspace) -> tuple[Array, Array]:
        """Targets without gaps, and which were there.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets, some of them missing.
        work : Workspace
            Scratch.

        Returns
        -------
        tuple of ndarray, of Y's shape
            Y with a number that is fine where it is missing; and 1 for each that is there, 0 for
            the others. Both are in buffers.
        """
        missing = self.missing(Y, work.array("missing", *Y.shape, dtype=bool))
        filled = work.array("filled", *Y.shape, dtype=Y.dtype)
        np.copyto(filled, Y)
        np.copyto(filled, self._filler, where=missing)
        return filled, np.logical_not(missing, out=work.array("present", *Y.shape))

    @property
    def _filler(self) -> int:
        """A target that every loss of this kind takes."""
        return 0 if self.target_kind == "labels" else 1

    def counted(
        self, Y: Array, weights: Array | None, work: Workspace
    ) -> tuple[Array, Array | None, float]:
        """Targets and weights in which what is missing weighs 0, and how many rows there are left.

        Parameters
        ----------
        Y : ndarray, (n, units) or (n,)
            Targets, some of them missing.
        weights : ndarray, (n,) or (n, units), optional
            Sample weights.
        work : Workspace
            Scratch.

        Returns
        -------
        tuple of ndarray, ndarray and float
            Targets and weights, (n, units) or (n,), and the number of rows: what is there of
            several outputs by their number.
        """
        if not self.masks:
            return Y, weights, len(Y)
        Y, W = self.present(Y, work)
        n = float(np.add.reduce(W, axis=None, dtype=np.float64)) * len(W) / W.size
        if self.averages_outputs and W.ndim > 1 and self.reduction in ("sum", "none"):
            # Each row is a mean of its own, over what is there of it.
            rows = W.reshape(len(W), -1)
            there = np.dot(rows, work.ones(rows.shape[1]), out=work.array("there", len(W)))
            np.divide(rows.shape[1], np.maximum(there, 1, out=there), out=there)
            np.multiply(W, by_row(there, W.ndim), out=W)
        if weights is not None:
            np.multiply(W, by_row(weights, W.ndim), out=W)
        return Y, W, n

    def _shares(self, n: float, weights: Array | None, work: Workspace) -> Array:
        """What each row counts in a sum that cannot overflow where the mean does not."""
        factor = self._factor(n, weights)
        shares = work.array("shares", int(n) if weights is None else len(weights))
        if weights is None or weights.ndim > 1:  # the rows' losses hold those of outputs
            shares.fill(factor)
            return shares
        return np.multiply(weights, factor, out=shares)

    def _factor(self, n: float, weights: Array | None) -> float:
        """What the sum over the rows is multiplied by."""
        if self.reduction in ("sum", "none"):
            return 1.0
        share = n if weights is None else self.denominator(n, weights)
        return 1.0 / share if share else 0.0

    def denominator(self, n: float, weights: Array | None) -> float:
        """The share of a batch in a mean over batches: its rows, or what they weigh.

        Parameters
        ----------
        n : float, at least 0
            How many rows there are.
        weights : ndarray, (n,) or (n, units), optional
            Sample weights.

        Returns
        -------
        float

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import MeanSquaredError
        >>> weights = np.array([0.5, 1.0])
        >>> MeanSquaredError().denominator(2, weights)
        2.0
        >>> MeanSquaredError("mean_with_sample_weight").denominator(2, weights)
        1.5
        """
        if self.reduction == "mean_with_sample_weight" and weights is not None:
            total = float(weights.sum())
            return total if weights.ndim == 1 else total * len(weights) / weights.size
        return float(n)

    # -- the public face -------------------------------------------------------------------------

    @with_short_tracebacks
    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of these predictions, as Keras gives it.

        Parameters
        ----------
        y_true : array_like, (n, units) or (n,)
            Targets of the prediction's shape, or labels (n,) for a sparse loss.
        y_pred : array_like, (n, units)
            Predictions, or logits if the loss says so.
        sample_weight : float or array_like, (n,), optional
            Also (n, units), where the outputs are alike: each term then counts times its weight.

        Returns
        -------
        float, or ndarray (n,) with ``reduction="none"``

        Raises
        ------
        ShapeError
            If the shapes do not agree; nothing is broadcast.
        DataError
            For what is no number, or no target of this loss.

        Examples
        --------
        >>> from annlib.losses import MeanSquaredError
        >>> MeanSquaredError()([[0.0], [0.0]], [[1.0], [3.0]], sample_weight=[1.0, 0.0])
        0.5
        """
        where = type(self).__name__
        Y, A = to_array(y_true, where, "y_true"), to_array(y_pred, where, "y_pred")
        if not A.ndim or not A.size or Y.shape[:1] != A.shape[:1]:
            raise ShapeError(
                f"{where}: expected targets and predictions of one length, at least 1, got shapes "
                f"{Y.shape} and {A.shape}."
            )
        check_numeric(Y, where, "y_true")
        check_numeric(A, where, "y_pred")
        A = np.asarray(A, A.dtype if A.dtype.char in "fd" else np.float32)
        Y = self.checked_targets(Y, A.shape, where)
        Y = Y.astype(np.intp if self.target_kind == "labels" else A.dtype)
        weights = None
        if sample_weight is not None:
            weights = to_array(sample_weight, where, "sample_weight")
            check_numeric(weights, where, "sample_weight")
            expected = f"{where}: expected one sample weight a row,"
            weights = self.as_weights(weights, Y.shape, A.shape, expected).astype(A.dtype)
        work = Workspace(A.dtype)
        value = self.value(Y, A, weights, work)
        if self.reduction == "none":
            shape = self.terms_shape(Y.shape)
            return work.array("E", *shape) * work.array("shares", *shape) + 0.0
        return value

    def checked_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        """What ``check_targets`` gives, which sees none of the targets that are missing.

        Parameters
        ----------
        y : ndarray, (n, units) or (n,)
            Targets as the user gave them.
        output_shape : tuple, (n, units)
            The predictions' shape; n may be None.
        where : str
            What a message begins with.

        Returns
        -------
        ndarray, (n, units) or (n,)

        Raises
        ------
        ShapeError
            If the targets' shape does not agree with the prediction's.
        DataError
            For what is no target of this loss.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import Poisson
        >>> Poisson(mask_nan=True).checked_targets(np.array([3.0, np.nan]), (2, 1), "fit")
        array([[ 3.],
               [nan]])
        """
        if not self.masks or not (missing := self.missing(y)).any():
            return self.check_targets(y, output_shape, where)
        there = self.check_targets(np.where(missing, self._filler, y), output_shape, where)
        if there.size == y.size:
            return y.reshape(there.shape)
        return np.broadcast_to(y.reshape(len(y), -1), there.shape)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        """Targets in the layout that ``forward`` takes; (n,) becomes (n, 1) on purpose, here alone.

        Parameters
        ----------
        y : ndarray, (n, units) or (n,)
            Targets as the user gave them.
        output_shape : tuple, (n, units)
            The predictions' shape; n may be None.
        where : str
            What a message begins with.

        Returns
        -------
        ndarray, (n, units) or (n,)

        Raises
        ------
        ShapeError
            If the targets' shape does not agree with the prediction's.
        DataError
            For what is no target of this loss.

        Examples
        --------
        >>> import numpy as np
        >>> from annlib.losses import MeanSquaredError
        >>> MeanSquaredError().check_targets(np.array([1.0, 2.0]), (2, 1), "fit")
        array([[1.],
               [2.]])
        """
        return matching_targets(y, output_shape, where, self._layout_hint(y, output_shape))

    def _layout_hint(self, y: Array, output_shape: BatchShape) -> str:
        units, given = y.shape[-1] if y.ndim > 1 else 1, output_shape[-1] or 0
        if units == 1 < given and is_labels(y, given):
            return f"{LABELS} {TWO_CLASSES if given == 2 else ''}".rstrip()
        if len(output_shape) > 2 and y.ndim <= 2:
            return (
                f"The output has {output_shape[1:]} numbers a row: for one target a row, put a "
                "Flatten layer before the output layer."
            )
        return (
            f"Give the output layer {units} unit{'s' * (units > 1)}, or pass targets of the "
            "output's shape."
        )


class LossOfVectors(Loss):
    """A loss of vectors: of outputs (n, N) each row is one, of (n, k, N) each has k of them.

    A subclass sees matrices alone: all vectors are rows to it. Each can have a weight, (n, k).

    Examples
    --------
    >>> from annlib.losses import CategoricalCrossentropy
    >>> loss = CategoricalCrossentropy(reduction="none")
    >>> isinstance(loss, LossOfVectors)
    True
    >>> loss([[[1.0, 0.0], [0.0, 1.0]]], [[[0.5, 0.5], [0.25, 0.75]]]).round(4)
    array([[0.6931, 0.2877]])
    """

    def terms_shape(self, targets: Shape) -> Shape:
        return targets if self.target_kind == "labels" else targets[:-1]

    def vectors(
        self, Y: Array, A: Array, weights: Array | None, work: Workspace
    ) -> tuple[Array, Array, Array | None]:
        if A.ndim == 2:
            return Y, A, weights
        if weights is not None and weights.ndim < A.ndim - 1:
            each = work.array("weights", *A.shape[:-1])
            np.copyto(each, by_row(weights, each.ndim))
            weights = each
        rows = A.reshape(-1, A.shape[-1])
        Y = Y.reshape(-1) if self.target_kind == "labels" else Y.reshape(rows.shape)
        return Y, rows, None if weights is None else weights.reshape(-1)

    def check_targets(self, y: Array, output_shape: BatchShape, where: str) -> Array:
        if len(output_shape) < 2:
            raise ShapeError(
                f"{where}: expected an output of shape (n, classes), got {output_shape}. "
                "Put a Flatten layer before the output layer."
            )
        return super().check_targets(y, output_shape, where)


def check_last_axis(axis: Any, where: str) -> int:
    """The one axis that there is along a row's outputs; raises ``ConfigurationError``."""
    if not is_whole(axis) or axis != -1:
        raise ConfigurationError(
            f"{where}: expected axis=-1, the outputs of a row, got {show(axis)}. "
            "Put a Reshape or Flatten layer before the output layer."
        )
    return -1


registry: Registry[Loss] = Registry("loss", Loss)
register = registry.register
