"""Simulated tables with labels whose best possible scores are known."""
