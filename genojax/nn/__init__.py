"""Layers: Linen modules whose parameters have the logical axis names of `sharding.RULES`."""
