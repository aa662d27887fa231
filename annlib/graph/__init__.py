"""A network at rest as a graph of a few operations, and its texts for other programs."""
