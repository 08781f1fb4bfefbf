"""Scores of variants by any model: alleles in windows of equal length, both strands averaged."""

DEFAULT_WINDOW = 512  # bases; longer than a model was trained on is worse than shorter
MASKED_SHARE = 0.15  # of the tokens hidden together for PLL by default, as in pretraining
