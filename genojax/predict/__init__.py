"""Predictions of a run's tasks: the heads of a model, requests, tables and tracks."""
