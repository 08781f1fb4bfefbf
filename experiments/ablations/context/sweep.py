"""How much context does a hidden base need? Windows of 32 to 512 bases, as many per step in all.

genojax sweep experiments/ablations/context/sweep.py --workdir=runs/context
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MIXTURE = 'tasks.masked_lm.data.mixture'
WINDOWS = {
    f'window_{length}': {f'{MIXTURE}.length': length, f'{MIXTURE}.batch_size': 4096 // length}
    for length in (128, 32, 512)
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, WINDOWS)
