"""Which positions suit a masked language model of DNA: learned, rotary, ALiBi, along CpG density?

genojax sweep experiments/ablations/positions/sweep.py --workdir=runs/positions
"""

from genojax.pipeline import sweep

VARIANTS = sweep.VARIANTS
POSITIONS = {
    'learned': {'model.positions': 'learned'},
    'rotary': {'model.positions': 'rotary'},
    'alibi': {'model.positions': 'alibi'},
    'rotary_cpg': {'model.positions': 'rotary', 'model.coordinate': 'cpg'},
}


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    return sweep.pretraining(variant, POSITIONS)
