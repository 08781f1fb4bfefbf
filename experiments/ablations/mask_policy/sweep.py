"""Should training hide fewer bases in exons? Scored with one mask, 10 % everywhere.

genojax sweep experiments/ablations/mask_policy/sweep.py --workdir=runs/mask_policy
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MASK = 'tasks.masked_lm.mask'
SCORED = {'tasks.masked_lm.test_mask': {'rate': 0.1}, f'{MASK}.rate': 0.1}
# Share of the bases hidden in exons; 10 % elsewhere. The project's description has 8 % and 15 %.
EXONS = {'uniform': {}, 'exons_lowered': {'exon': 0.053}, 'exons_tenth': {'exon': 0.01}}
ARMS = {name: {**SCORED, f'{MASK}.region_rates': rates} for name, rates in EXONS.items()}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, ARMS)
