"""How much context does a hidden base need? Windows of 32 to 512 bases, as many per step in all.

genojax sweep experiments/ablations/context/sweep.py --workdir=runs/context
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
MIXTURE = 'tasks.masked_lm.data.mixture'
SHARDS = 'tasks.masked_lm.data.shards'
WINDOWS = {
    f'window_{length}': {f'{MIXTURE}.length': length, f'{MIXTURE}.batch_size': 4096 // length}
    for length in (128, 32, 512)
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    return sweep.Sweep(
        arms={name: sweep.Arm(config, {**steps, **fields}) for name, fields in WINDOWS.items()},
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
