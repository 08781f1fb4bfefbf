"""Regression: one or several numbers per sequence, such as expression."""
