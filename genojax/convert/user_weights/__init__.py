"""Weights as users have them: wrapped names, encoders alone, adapters."""
