"""Should training hide fewer bases in repeats, which are easily copied?

genojax sweep experiments/ablations/repeats/sweep.py --workdir=runs/repeats
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
MASK = 'tasks.masked_lm.mask'
SHARDS = 'tasks.masked_lm.data.shards'
SCORED = {'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.rate': 0.1}
# Share of the bases hidden in repeats; 10 % elsewhere.
RATES = {
    'uniform': {**SCORED, f'{MASK}.region_rates': {}},
    'repeats_half': {**SCORED, f'{MASK}.region_rates': {'repeat': 0.05}},
    'repeats_tenth': {**SCORED, f'{MASK}.region_rates': {'repeat': 0.01}},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    return sweep.Sweep(
        arms={name: sweep.Arm(config, {**steps, **fields}) for name, fields in RATES.items()},
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
