"""Coverage of one's own genome from its sequence: a residual dilated CNN on bins of 128 bp.

For the windows that `genojax tracks` writes, which prints the options for organisms, tracks and
sizes. 16,384 bp per window, of which 8,192 are predicted; six blocks see 8,064 bp to either side.

Hardware: two CPU cores, minutes per million bases. experiments/011_signals has numbers to expect.

genojax tracks genome.fa --tracks=tracks.tsv --out=tracks/
genojax train --config=tracks --config.tasks.coverage.data.path=tracks/ --workdir=runs/tracks
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import dilated_cnn


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=dilated_cnn.DilatedCnnConfig(
                width=64, depth=6, inner=32, crop=32, organisms=('genome',), tracks=(1,)
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', k=1),
            optim=experiment.OptimConfig(peak=3e-3, warmup=20, weight_decay=0.01),
            tasks={
                'coverage': tasks.CoverageConfig(
                    loss='poisson_multinomial',
                    total_weight=0.2,  # as in Linder et al. 2025
                    balance=0.5,
                    data=tasks.CoverageDataConfig(
                        organisms={'genome': 'genome'}, batch_size=16, length=16_384
                    ),
                )
            },
            steps=400,
            log_every=20,
            validate_every=40,
            save_every=40,
        )
    )
