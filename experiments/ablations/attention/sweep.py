"""Do sparse patterns read DNA as well as full attention? In windows of 512 bases.

genojax sweep experiments/ablations/attention/sweep.py --workdir=runs/attention
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MIXTURE = 'tasks.masked_lm.data.mixture'
WINDOW = {f'{MIXTURE}.length': 512, f'{MIXTURE}.batch_size': 8, 'model.max_tokens': 512}
# About 130 keys per query each.
PATTERNS = {
    'full': WINDOW,
    'local': {**WINDOW, 'model.attention.kind': 'local', 'model.attention.window': 64},
    'bigbird': {**WINDOW, 'model.attention.kind': 'bigbird', 'model.attention.block': 16},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, PATTERNS)
