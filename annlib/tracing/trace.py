"""The trace of one training step: the paper's equations with the numbers of one's own network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from annlib.core.arrays import Array
from annlib.core.checks import check_known, check_path, is_whole
from annlib.core.errors import ConfigurationError, UnknownNameError, show
from annlib.core.files import atomic_write
from annlib.core.suggestion import suggest
from annlib.core.terminal import Printed
from annlib.tracing import html, latex, markdown, text
from annlib.tracing.data import TraceData
from annlib.tracing.derivation import Derivation
from annlib.tracing.equation import Equation
from annlib.tracing.equation_text import Style, for_terminal
from annlib.tracing.frame import frame
from annlib.tracing.jacobian import jacobian
from annlib.tracing.recording import Recording
from annlib.tracing.sections import Section
from annlib.tracing.verification import Report, verify


class Trace(Printed, TraceData):
    """One training step, equation by equation; ``Sequential.trace`` makes it.

    It prints as text, with large matrices shortened, and shows itself as a page in a notebook.
    All numbers are those of the engine's own pass and of the optimizer's own step, except where a
    step says ``rebuilt``: the engine never forms them, and they are derived from recorded ones.

    Parameters
    ----------
    recording : Recording
        One step of the engine; ``Sequential.trace`` makes it.

    Attributes
    ----------
    sections : list of Section
        Of each layer, and of the loss.
    gradients : dict of str to array
        What the optimizer got, by the parameters' paths.
    before, after : dict of str to array
        The parameters before the update and after it.
    digits : int
        How many digits are shown of each matrix' largest number; 5 unless changed.

    Examples
    --------
    >>> import numpy as np
    >>> from annlib import Sequential, layers, losses, optimizers
    >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
    >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
    >>> t = model.trace([2.0, 3.0], [4.0])
    >>> t["dense"]["Z"].text, t["dense"]["Z"].value
    ('{Z} ← [Wᵀ]{X} ⊕ {B}', array([[5.]]))
    >>> t.gradients["dense/kernel"].ravel()
    array([2., 3.])
    >>> len(t), t.step(0) is t["dense"]["Z"], t.verify().passed
    (12, True, True)
    >>> [heading for heading, sections in t.phases()]
    ['Forward', 'Backward', 'Update']
    """

    def __init__(self, recording: Recording) -> None:
        derivation = Derivation(recording)
        super().__init__(recording, derivation.sections, derivation.activations)
        self.gradients = recording.gradients
        self.before, self.after = recording.before, recording.after

    # -- what there is to ask --------------------------------------------------------------------

    @property
    def forward(self) -> list[Equation]:
        """The steps forward, the loss last."""
        return [step for section in self.sections for step in section.forward]

    @property
    def backward(self) -> list[Equation]:
        """The steps backward, in the order in which they are computed."""
        return [step for section in reversed(self.sections) for step in section.backward]

    @property
    def update(self) -> list[Equation]:
        """The steps of regularizers and optimizer."""
        return [step for section in self.sections for step in section.update]

    @property
    def steps(self) -> list[Equation]:
        """All steps in their order."""
        return [*self.forward, *self.backward, *self.update]

    def step(self, i: int) -> Equation:
        """The i-th step, from 0.

        Parameters
        ----------
        i : int, at least 0, below ``len(trace)``

        Returns
        -------
        Equation

        Raises
        ------
        ConfigurationError
            If there is no such step.
        """
        steps = self.steps
        if not is_whole(i) or not -len(steps) <= i < len(steps):
            raise ConfigurationError(
                f"Trace.step: expected i as the number of a step, 0 to {len(steps) - 1}, got "
                f"{show(i)}."
            )
        return steps[i]

    def __getitem__(self, name: str) -> Section:
        """The equations of a layer by its name, or those of ``"loss"``."""
        sections = {section.name: section for section in self.sections}
        return sections[check_known(name, "Trace", 'the name of a layer or "loss"', sections)]

    def __iter__(self) -> Iterator[Equation]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def jacobian(self, name: str, row: int = 0) -> Array:
        """[D_A,Z] of a layer's activation for one of the rows, (N, N), explicit (7.2).

        Parameters
        ----------
        name : str
            A layer with an activation.
        row : int, in [0, n)
            Of the rows that were traced.

        Returns
        -------
        array, (N, N)

        Raises
        ------
        UnknownNameError
            If no layer has this name, or the one that has it no activation.
        ConfigurationError
            If there is no such row, and for more than a million numbers.

        Examples
        --------
        >>> from annlib import Sequential, layers
        >>> model = Sequential([layers.Dense(2, "softmax", kernel_initializer="zeros")])
        >>> model.compile("sgd", "categorical_crossentropy")
        >>> model.trace([1.0, 2.0], [0.0, 1.0]).jacobian("dense")
        array([[ 0.25, -0.25],
               [-0.25,  0.25]], dtype=float32)
        """
        section = self[name]
        if name not in self.activations:
            raise UnknownNameError(
                f'Trace.jacobian: expected a layer with an activation, got "{section.name}". '
                f"{suggest(name, self.activations)}"
            )
        f, Z = self.activations[name]
        if not is_whole(row) or not -len(Z) <= row < len(Z):
            raise ConfigurationError(
                f"Trace.jacobian: expected row as a number below {len(Z)}, got {show(row)}."
            )
        return jacobian(f, Z[row])

    def verify(self) -> Report:
        """How far the numbers are from the paper's own equations and from finite differences.

        Returns
        -------
        Report

        Examples
        --------
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> report = trace.verify()
        >>> report.passed, report.worst("equations")
        (True, 0.0)
        """
        return verify(self)

    # -- how it looks ----------------------------------------------------------------------------

    def __repr__(self) -> str:
        return text.trace_text(self, Style(self.digits))

    def __str__(self) -> str:
        return for_terminal(lambda style: text.trace_text(self, style), self.digits)

    def _repr_html_(self) -> str:
        return html.fragment(self)

    def to_html(self) -> str:
        """A page of its own, without scripts, that needs no network.

        Returns
        -------
        str

        Examples
        --------
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> trace.to_html()[:15]
        '<!DOCTYPE html>'
        """
        return html.page(self)

    def to_markdown(self) -> str:
        """Markdown with the equations in TeX, as GitHub shows it.

        Returns
        -------
        str

        Examples
        --------
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> print(trace.to_markdown().splitlines()[0])
        # Trace of sequential
        """
        return markdown.markdown(self)

    def to_latex(self) -> str:
        r"""A LaTeX document's body, in ASCII: it needs the packages amsmath and amssymb.

        Returns
        -------
        str

        Examples
        --------
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> print(trace.to_latex().splitlines()[0])
        \section*{Trace of sequential}
        """
        return latex.latex(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame of the steps.

        Returns
        -------
        DataFrame, (steps, columns)

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> trace.to_frame()[["layer", "phase", "code"]].head(1)
           layer    phase           code
        0  dense  forward  Z = X @ W + b
        """
        return frame(self.steps)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page of ``to_html``, or by the path's ending Markdown, TeX or text (.txt).

        Parameters
        ----------
        path : path
            What ends in ``.md``, ``.tex`` or ``.txt`` is that; anything else the page.

        Raises
        ------
        ConfigurationError
            If it is no path.
        OSError
            If the system cannot write it.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from annlib import Sequential, layers, losses, optimizers
        >>> model = Sequential([layers.Dense(1, kernel_initializer="ones")], dtype="float64")
        >>> model.compile(optimizers.SGD(0.5), losses.HalfSumSquaredError(reduction="sum"))
        >>> trace = model.trace([2.0, 3.0], [4.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     trace.save(f"{folder}/step.md")
        ...     print(pathlib.Path(folder, "step.md").read_text().splitlines()[0])
        # Trace of sequential
        """
        writers = {
            ".md": self.to_markdown,
            ".tex": self.to_latex,
            ".txt": self.__repr__,
        }
        path = check_path(path, "Trace.save", "path")
        ending = os.path.splitext(path)[1].lower()
        atomic_write(path, writers.get(ending, self.to_html)().encode())
