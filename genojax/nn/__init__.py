"""Layers: Linen modules whose every parameter names its axes in the words of `sharding.RULES`."""
