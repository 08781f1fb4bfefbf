"""Contrastive learning on orthologous genes, scored by retrieval of orthologues."""
