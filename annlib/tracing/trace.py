"""The trace of one training step: the paper's equations with the numbers of one's own network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from annlib.core.arrays import Array
from annlib.core.config import near
from annlib.core.errors import ConfigurationError, UnknownNameError
from annlib.tracing.chapters import Chapter
from annlib.tracing.composition import Composition
from annlib.tracing.equation import Equation
from annlib.tracing.jacobian import jacobian
from annlib.tracing.recording import Recording

if TYPE_CHECKING:
    from annlib.tracing.verification import Report


class Trace:
    """One training step, equation by equation; ``Sequential.trace`` makes it.

    It prints as text, with large matrices shortened, and shows itself as a page in a notebook.
    All numbers are those of the engine's own pass and of the optimizer's own step, except where a
    step says ``rebuilt``.

    Attributes
    ----------
    chapters : list of Chapter
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
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.digits = 5
        self.gradients = recording.gradients
        self.before, self.after = recording.before, recording.after
        composition = Composition(recording)
        self.chapters = composition.chapters
        #: The layers' activations, and the {Z} of all rows that went into them.
        self.activations = composition.activations

    # -- what there is to ask --------------------------------------------------------------------

    @property
    def rows(self) -> int:
        """How many rows were traced."""
        return self.recording.rows

    @property
    def forward(self) -> list[Equation]:
        """The steps forward, the loss last."""
        return [step for chapter in self.chapters for step in chapter.forward]

    @property
    def backward(self) -> list[Equation]:
        """The steps backward, in the order in which they are computed."""
        return [step for chapter in reversed(self.chapters) for step in chapter.backward]

    @property
    def update(self) -> list[Equation]:
        """The steps of regularizers and optimizer."""
        return [step for chapter in self.chapters for step in chapter.update]

    @property
    def steps(self) -> list[Equation]:
        """All steps in their order."""
        return [*self.forward, *self.backward, *self.update]

    def step(self, i: int) -> Equation:
        """The i-th step, from 0."""
        steps = self.steps
        if not isinstance(i, int) or not -len(steps) <= i < len(steps):
            raise ConfigurationError(
                f"Trace.step: expected a number of a step, 0 to {len(steps) - 1}, got {i!r}."
            )
        return steps[i]

    def __getitem__(self, name: str) -> Chapter:
        """The equations of a layer by its name, or those of ``"loss"``."""
        for chapter in self.chapters:
            if chapter.name == name:
                return chapter
        raise UnknownNameError(
            f'Trace: expected the name of a layer or "loss", got {name!r}. '
            f"{near(str(name), [chapter.name for chapter in self.chapters])}"
        )

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
        row : int

        Raises
        ------
        ConfigurationError
            For more than a million numbers.
        """
        chapter = self[name]
        if name not in self.activations:
            raise UnknownNameError(
                f'Trace.jacobian: expected a layer with an activation, got "{chapter.name}". '
                f"{near(name, self.activations)}"
            )
        f, Z = self.activations[name]
        if not isinstance(row, int) or not -len(Z) <= row < len(Z):
            raise ConfigurationError(
                f"Trace.jacobian: expected row as a number below {len(Z)}, got {row!r}."
            )
        return jacobian(f, Z[row])

    def verify(self) -> Report:
        """How far the numbers are from the paper's own equations and from finite differences."""
        from annlib.tracing.verification import verify

        return verify(self)

    # -- how it looks ----------------------------------------------------------------------------

    def __repr__(self) -> str:
        from annlib.tracing.text import trace_text

        return trace_text(self)

    def _repr_html_(self) -> str:
        from annlib.tracing.html import fragment

        return fragment(self)

    def to_html(self) -> str:
        """A page of its own, without scripts, that needs no network."""
        from annlib.tracing.html import page

        return page(self)

    def to_markdown(self) -> str:
        """Markdown with the equations in TeX between dollars."""
        from annlib.tracing.markdown import markdown

        return markdown(self)

    def to_latex(self) -> str:
        """A LaTeX document's body: it needs the packages amsmath and amssymb."""
        from annlib.tracing.latex import latex

        return latex(self)

    def to_frame(self) -> Any:
        """A pandas DataFrame of the steps; raises ``ImportError`` without pandas."""
        from annlib.tracing.frame import frame

        return frame(self)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page of ``to_html``, or by the path's ending Markdown, TeX or text (.txt)."""
        writers = {".md": self.to_markdown, ".tex": self.to_latex, ".txt": self.__repr__}
        ending = os.path.splitext(os.fspath(path))[1].lower()
        text = writers.get(ending, self.to_html)()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
