"""A network at rest as a graph of a few operations, and the files that are made of it."""
