"""Do sparse patterns read DNA as well as full attention? In windows of 512 bases.

genojax sweep experiments/ablations/attention/sweep.py --workdir=runs/attention
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real', 'pod')
MIXTURE = 'tasks.masked_lm.data.mixture'
SHARDS = 'tasks.masked_lm.data.shards'
WINDOW = {f'{MIXTURE}.length': 512, f'{MIXTURE}.batch_size': 8, 'model.max_tokens': 512}
# About 130 keys per query each.
PATTERNS = {
    'full': WINDOW,
    'local': {**WINDOW, 'model.attention.kind': 'local', 'model.attention.window': 64},
    'bigbird': {**WINDOW, 'model.attention.kind': 'bigbird', 'model.attention.block': 16},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """`pod`: DNABERT at full size; its shards are named by --config.tasks.masked_lm.data.shards."""
    config, steps = (
        ('dnabert:k6', {}) if variant == 'pod' else ('demo', {'steps': 300, 'validate_every': 150})
    )
    return sweep.Sweep(
        arms={name: sweep.Arm(config, {**steps, **fields}) for name, fields in PATTERNS.items()},
        limit=2000,
        metrics=('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        data={
            'simulated': sweep.simulated(SHARDS),
            'real': sweep.ingested(SHARDS, '$GENOJAX_DATA/embed_default'),
        }.get(variant),
    )
