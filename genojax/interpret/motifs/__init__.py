"""Motifs that a model reads: seqlets and clusters, MEME files, comparison with known motifs."""
