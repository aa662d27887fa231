"""Layers in their order with their weights: passes over batches, and prediction."""
