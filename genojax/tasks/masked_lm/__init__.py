"""Masked language modelling: pretraining on the DNA of many species."""
