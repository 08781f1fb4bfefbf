"""Does learning which genes are orthologues help a masked language model, or the reverse?

genojax sweep experiments/ablations/contrastive/sweep.py --workdir=runs/contrastive_ablation
"""

import pathlib
from typing import Any

from genojax.data.genomes import loading
from genojax.pipeline import sweep
from genojax.pipeline.demo import pretraining

MASKED_LM, ORTHOLOGUES = 'tasks.masked_lm', 'tasks.orthologues'
# Too small to change a parameter: gradients times 1e-20 are far below Adam's epsilon (1e-6). So a
# task is scored that is not trained, by the same evaluation as where it is.
ZERO = 1e-20
WEIGHTS = {'masked_lm': (1.0, ZERO), 'contrastive': (ZERO, 1.0), 'both': (1.0, 0.1)}
# Both tasks read rows of 256 bases, so that either one trains all positions that are scored.
SHARED = {
    f'{MASKED_LM}.data.mixture.length': 256,
    f'{MASKED_LM}.data.mixture.batch_size': 8,
    'optim.warmup': 20,
    'steps': 80,
    'validate_every': 80,
}
RECALL = 'overall/recall_at_1'
COMPARED = (
    *('model', 'model_unprojected', 'untrained', 'untrained_unprojected'),
    *('kmer_spectrum', 'binned_spectrum', 'minhash', 'alignment'),
)


def get_sweep() -> sweep.Sweep:
    arms = {
        name: sweep.Arm(
            'demo_joint:orthologues',
            {**SHARED, f'{MASKED_LM}.weight': masked_lm, f'{ORTHOLOGUES}.weight': orthologues},
        )
        for name, (masked_lm, orthologues) in WEIGHTS.items()
    }
    recall = [f'orthologues/models/{name}/{RECALL}' for name in COMPARED]
    return sweep.Sweep(arms, metrics=('masked_lm/all/model', *recall), data=_clade)


def _clade(folder: pathlib.Path) -> dict[str, Any]:
    """A simulated clade; the families with a gene on a test contig are the test families."""
    shared = dict(sweep.simulated(f'{MASKED_LM}.data.shards')(folder))
    marked = {
        (genome.name, contig.name)
        for genome in loading.open_shards(folder / 'shards')
        for contig in genome.contigs
        if contig.split == 'test'
    }
    genomes = folder / 'genomes'
    path = pretraining.split_table(genomes / 'orthologues.tsv', folder / 'orthologues.tsv', marked)
    return shared | {
        f'{ORTHOLOGUES}.data.path': str(path),
        f'{ORTHOLOGUES}.data.genomes': str(genomes),
    }
