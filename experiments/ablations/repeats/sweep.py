"""Should training hide fewer bases in repeats, which are easily copied?

genojax sweep experiments/ablations/repeats/sweep.py --workdir=runs/repeats
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MASK = 'tasks.masked_lm.mask'
SCORED = {'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.rate': 0.1}
# Share of the bases hidden in repeats; 10 % elsewhere.
RATES = {
    'uniform': {**SCORED, f'{MASK}.region_rates': {}},
    'repeats_half': {**SCORED, f'{MASK}.region_rates': {'repeat': 0.05}},
    'repeats_tenth': {**SCORED, f'{MASK}.region_rates': {'repeat': 0.01}},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, RATES)
