"""What an optimizer remembers of each parameter, by the letters of its formula."""

from __future__ import annotations

import numpy as np

from annlib.core.arrays import Array
from annlib.core.parameters import ParameterVector
from annlib.optimizers import Optimizer

#: By the paths of parameters, and by letters in LaTeX.
Slots = dict[str, dict[str, Array]]


def slots(optimizer: Optimizer, vector: ParameterVector) -> Slots:
    """Copies of all that it remembers, in the shapes of the parameters.

    What is held over (1 - beta) is the letter's own number again.
    """
    found: Slots = {entry.path: {} for entry in vector.entries if entry.trainable}
    for part in optimizer._parts():
        if part._memory is None:
            continue
        names = (*part.state_names, *part.policy.state_names)
        letters = {**part.letters, **part.policy.letters}
        start = 0
        for entry in vector.entries:
            own = part is optimizer or optimizer._trained_by(entry.path)[0] is part
            if not (entry.trainable and own):
                continue
            stop, slot = start + entry.where.stop - entry.where.start, found[entry.path]
            for name, array in zip(names, part._memory.vectors, strict=True):
                held = part.held_over.get(name)
                share = 1.0 if held is None else 1.0 - getattr(part, held)
                own_part = array[start:stop].reshape(entry.parameter.shape)
                slot[letters.get(name, name)] = np.multiply(own_part, share, dtype=array.dtype)
            for name, array in part._memory.shaped(entry.path).items():
                slot[letters.get(name, name)] = array.copy()
            start = stop
    return found
