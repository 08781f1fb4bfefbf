"""Scores of variants by any model: alleles in windows of equal length, both strands averaged."""
