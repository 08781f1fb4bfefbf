"""A small Enformer on real coverage of human and mouse: for a laptop, not for its figures.

`dna` reads 16,384 bp of DNA; `accessibility` one DNase track per organism as well (HepG2's for
human, the only one, of kidney, for mouse; not scored, and known only in a window's centre 65,536
bp), with its transformer over positions of 64 bp and a pooling stage behind it. Windows of 131,072
bp are read in 8 pieces each, 16 pieces per step: batch norm over one or two windows would remove
what distinguishes them.

Hardware: one CPU core, a few minutes. Expect the numbers of experiments/003_tracks; with 58
training windows they are low.

genojax train --config=enformer_small:dna --config.tasks.coverage.data.path=DIR \\
    --workdir=runs/enformer_small
genojax evaluate runs/enformer_small

Without data, on simulated tracks: --config.tasks.coverage.data.path=simulated
--config.model.tracks='(4, 4)' --config.model.crop=8 --config.tasks.coverage.data.pieces=1
--config.tasks.coverage.data.length=4096
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import enformer, enformer_accessibility

VARIANTS = ('dna', 'accessibility')
SIZES = {
    **{'width': 32, 'depth': 1, 'heads': 4, 'key_width': 16, 'basis': 24, 'multiple': 8},
    'crop': 32,  # bins of 128 bp: of the 16,384 bp of a row, 8,192 are predicted
    'tracks': (74, 32),
    **{'unroll': 1, 'dropout': 0.1, 'attention_dropout': 0.0},
}


def get_config(variant: str = 'dna') -> ml_collections.ConfigDict:
    model, accessibility = enformer.EnformerConfig(**SIZES), {}
    if variant == 'accessibility':
        model = enformer_accessibility.EnformerAccessibilityConfig(
            inputs=1, trunk_stages=6, **SIZES
        )
        accessibility = {'human': '^DNASE:HepG2$', 'mouse': '^DNASE:'}
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=experiment.TokenizerConfig('nucleotide', k=1),
            optim=experiment.OptimConfig(peak=5e-3, warmup=20, weight_decay=0.01),
            tasks={
                'coverage': tasks.CoverageConfig(
                    loss='poisson_multinomial',
                    total_weight=0.2,  # as in Linder et al. 2025
                    balance=0.5,
                    data=tasks.CoverageDataConfig(
                        organisms={'human': 'hg38', 'mouse': 'mm10'},
                        accessibility=accessibility,
                        batch_size=16,
                        pieces=8,
                        length=16_384,
                    ),
                )
            },
            steps=480,
            log_every=40,
            validate_every=80,
            save_every=80,
        )
    )
