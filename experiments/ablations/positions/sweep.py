"""Which positions suit a masked language model of DNA: learned, rotary, ALiBi, along CpG density?

genojax sweep experiments/ablations/positions/sweep.py --workdir=runs/positions
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
SHARDS = 'tasks.masked_lm.data.shards'
POSITIONS = {
    'learned': {'model.positions': 'learned'},
    'rotary': {'model.positions': 'rotary'},
    'alibi': {'model.positions': 'alibi'},
    'rotary_cpg': {'model.positions': 'rotary', 'model.coordinate': 'cpg'},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    return sweep.Sweep(
        arms={name: sweep.Arm(config, {**steps, **fields}) for name, fields in POSITIONS.items()},
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
