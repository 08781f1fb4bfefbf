"""What does recomputing activations cost, and does it change a number? In windows of 512 bases.

genojax sweep experiments/ablations/recompute/sweep.py --workdir=runs/recompute
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
MIXTURE = 'tasks.masked_lm.data.mixture'
# Four blocks in a loop: in a loop that is unrolled whole XLA may store what it should recompute.
DEEP = {
    f'{MIXTURE}.length': 512,
    f'{MIXTURE}.batch_size': 4,
    'model.depth': 4,
    'model.unroll': 1,
    'optim.warmup': 10,
    'steps': 20,
    'validate_every': 20,
}
POLICIES = ('none', 'block', 'dots')


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    shared = {} if variant == 'pod' else DEEP
    arms = {policy: {**shared, 'model.remat': policy} for policy in POLICIES}
    return sweep.pretraining(variant, arms, limit=300)
