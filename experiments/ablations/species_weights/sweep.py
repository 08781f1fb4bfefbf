"""How should the draws be divided among species: equally, by their bases, or with some in front?

genojax sweep experiments/ablations/species_weights/sweep.py:real --workdir=runs/species_weights
"""

from genojax.pipeline import sweep

VARIANTS = ('real', 'pod')
MIXTURE = 'tasks.masked_lm.data.mixture'
NAMED = {'human': 0.3, 'mouse': 0.2, 'zebrafish': 0.15, '*': 0.35}
WEIGHTS = {
    'equal': {f'{MIXTURE}.weights': {'*': 1.0}, f'{MIXTURE}.rest': 'equal'},
    'by_bases': {f'{MIXTURE}.weights': {'*': 1.0}, f'{MIXTURE}.rest': 'bases'},
    'named': {f'{MIXTURE}.weights': NAMED, f'{MIXTURE}.rest': 'equal'},
}


def get_sweep(variant: str = 'real') -> sweep.Sweep:
    """`real`: 17 species, 16 kb to 1.2 Mb; `pod` names its shards on the command line."""
    return sweep.pretraining(
        variant,
        WEIGHTS,
        reference='by_bases',
        metrics=(
            'masked_lm/all/model',
            'masked_lm/species/human/model',
            'masked_lm/species/worm/model',
        ),
    )
