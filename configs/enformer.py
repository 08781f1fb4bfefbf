"""Enformer: DNA to coverage tracks (Avsec et al. 2021), and a variant with accessibility.

`dna`, as published: 196,608 bp of human and mouse DNA to 5,313 and 1,643 tracks in 896 bins;
251,221,292 parameters. Adam, 5e-4 after 5,000 steps of warm-up, gradients clipped at 0.2, human and
mouse in alternate steps, reverse complement and shifts of up to 3 bp, 150,000 steps. The batch of
64 is the paper's, not its code's. The data (basenji's `data/human`, `data/mouse`) hold 131,072 bp
per window, which must be extended to 196,608 from the genome.

`accessibility`, the variant of the project's description: 131,072 bp of DNA and one DNase track in,
expression and chromatin state out. The transformer runs over 4,096 positions of 32 bp, before the
pooling tower that makes 1,024 bins of 128 bp, of which 896 are predicted
(`models/enformer_accessibility.py`). The input track is not scored. The description's gain of 0.15
in Pearson correlation has no source.

Hardware: 64 accelerators, one window each; remat 'block' needs a fifth of the activation memory
(experiments/benchmarks/enformer_remat.py). Not run at this size here: hours and the number to
expect are unknown. `enformer_small` runs on a laptop.

genojax train --config=enformer:dna --config.tasks.coverage.data.path=DIR --workdir=runs/enformer
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import enformer, enformer_accessibility

VARIANTS = ('dna', 'accessibility')


def get_config(variant: str = 'dna') -> ml_collections.ConfigDict:
    organisms = {'human': 'human', 'mouse': 'mouse'}
    model = enformer.EnformerConfig(dtype='bfloat16', remat='block')
    data = tasks.CoverageDataConfig(organisms=organisms, batch_size=64, length=196_608)
    if variant == 'accessibility':
        model = enformer_accessibility.EnformerAccessibilityConfig(
            inputs=1, dtype='bfloat16', remat='block'
        )
        data = tasks.CoverageDataConfig(
            organisms=organisms,
            accessibility={'human': '^DNASE:HepG2$', 'mouse': '^DNASE:liver'},
            batch_size=64,
            length=131_072,
        )
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=experiment.TokenizerConfig('nucleotide', k=1),
            optim=experiment.OptimConfig(
                peak=5e-4, warmup=5_000, decay='none', weight_decay=0.0, beta2=0.999, clip=0.2
            ),
            tasks={'coverage': tasks.CoverageConfig(data=data)},
            steps=150_000,
            log_every=50,
            validate_every=1_000,
            save_every=1_000,
        )
    )
