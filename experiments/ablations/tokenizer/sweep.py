"""Which tokens: single bases, overlapping k-mers, or k-mers side by side? In bits per base.

genojax sweep experiments/ablations/tokenizer/sweep.py --workdir=runs/tokenizer
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
# 4^k k-mers and 5 special tokens; side by side: Nucleotide Transformer's rules and vocabulary.
TOKENS = {
    'overlapping_3': {'tokenizer.kind': 'kmer', 'tokenizer.k': 3, 'model.vocab': 69},
    'bases': {'tokenizer.kind': 'kmer', 'tokenizer.k': 1, 'model.vocab': 9},
    'overlapping_6': {'tokenizer.kind': 'kmer', 'tokenizer.k': 6, 'model.vocab': 4101},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, TOKENS)
