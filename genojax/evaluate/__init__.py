"""Scores on what a model never saw, beside the baselines that it has to beat."""
