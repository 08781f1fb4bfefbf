"""Which tokens: single bases, overlapping k-mers, or k-mers side by side? In bits per base.

genojax sweep experiments/ablations/tokenizer/sweep.py --workdir=runs/tokenizer
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
SHARDS = 'tasks.masked_lm.data.shards'
# 4^k k-mers and 5 special tokens; side by side: Nucleotide Transformer's rules and vocabulary.
TOKENS = {
    'overlapping_3': {'tokenizer.kind': 'kmer', 'tokenizer.k': 3, 'model.vocab': 69},
    'bases': {'tokenizer.kind': 'kmer', 'tokenizer.k': 1, 'model.vocab': 9},
    'overlapping_6': {'tokenizer.kind': 'kmer', 'tokenizer.k': 6, 'model.vocab': 4101},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    return sweep.Sweep(
        arms={name: sweep.Arm(config, {**steps, **fields}) for name, fields in TOKENS.items()},
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
