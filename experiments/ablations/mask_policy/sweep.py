"""Should training hide fewer bases in exons? Scored with one mask, 10 % everywhere.

genojax sweep experiments/ablations/mask_policy/sweep.py --workdir=runs/mask_policy
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
MASK = 'tasks.masked_lm.mask'
SHARDS = 'tasks.masked_lm.data.shards'
# Share of the bases hidden in exons; 10 % elsewhere. The project's description has 8 % and 15 %.
EXONS = {'uniform': {}, 'exons_lowered': {'exon': 0.053}, 'exons_tenth': {'exon': 0.01}}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    fields = {**steps, 'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.rate': 0.1}
    return sweep.Sweep(
        arms={
            name: sweep.Arm(config, {**fields, f'{MASK}.region_rates': rates})
            for name, rates in EXONS.items()
        },
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
