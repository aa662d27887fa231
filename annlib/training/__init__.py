"""A network with a loss and an optimizer: the objective, the step, evaluation, and the loop."""
