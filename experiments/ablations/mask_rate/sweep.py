"""Which share of the bases should training hide? Scored at one rate, 10 %, whatever it was.

genojax sweep experiments/ablations/mask_rate/sweep.py --workdir=runs/mask_rate
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MASK = 'tasks.masked_lm.mask'
SCORED = {'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.region_rates': {}}
RATES = {f'rate_{rate}': {**SCORED, f'{MASK}.rate': rate} for rate in (0.1, 0.2, 0.4)}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, RATES)
