"""Which share of the bases should training hide? Scored at one rate, 10 %, whatever it was.

genojax sweep experiments/ablations/mask_rate/sweep.py --workdir=runs/mask_rate
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
MASK = 'tasks.masked_lm.mask'
SHARDS = 'tasks.masked_lm.data.shards'


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    scored = {'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.region_rates': {}}
    return sweep.Sweep(
        arms={
            f'rate_{rate}': sweep.Arm(config, {**steps, **scored, f'{MASK}.rate': rate})
            for rate in (0.1, 0.2, 0.4)
        },
        reference='rate_0.1',
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
