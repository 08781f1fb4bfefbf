"""Attention on a mesh: batch, heads and sequence split over devices."""
