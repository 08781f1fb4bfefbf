"""Does a model of one species gain when others are trained on too? As many steps in all arms.

genojax sweep experiments/ablations/species/sweep.py --workdir=runs/species
"""

from genojax.pipeline import sweep

VARIANTS = ('simulated', 'real')
MIXTURE = 'tasks.masked_lm.data.mixture'
SHORT = {'steps': 150, 'validate_every': 150, f'{MIXTURE}.batch_size': 16}
# All arms train on the first, `two` on the second too. The second is the first's nearest relative
# among the simulated species; in the real set it is the largest genome.
SPECIES = {
    'simulated': ('sim_alpha', 'sim_beta', 'sim_gamma', 'sim_delta', 'sim_epsilon'),
    'real': (
        *('human', 'worm', 'arabidopsis', 'mycoplasma', 'alligator', 'chicken', 'chimpanzee'),
        *('cow', 'dog', 'dogfish', 'fly', 'frog', 'mouse', 'opossum', 'rat', 'salmon'),
        'zebrafish',
    ),
}
SCORED = {'simulated': 5, 'real': 4}  # the first ones; the others have few test windows


def get_sweep(variant: str = 'simulated') -> sweep.Sweep:
    """No `pod`: the species that are left out are named, and its shards are the user's."""
    species = SPECIES[variant]
    arms = {
        name: {**SHORT, f'{MIXTURE}.leave_out': species[trained:]}
        for name, trained in (('one', 1), ('two', 2), ('all', len(species)))
    }
    scored = [f'masked_lm/species/{name}/model' for name in species[: SCORED[variant]]]
    return sweep.pretraining(variant, arms, metrics=('masked_lm/all/model', *scored))
