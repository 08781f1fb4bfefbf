"""Enformer as published: 196,608 bp of human and mouse DNA to 5,313 and 1,643 tracks in 896 bins; 251,221,292 parameters.

Avsec et al. 2021: Adam, 5e-4 after 5,000 steps of warm-up, gradients clipped at 0.2, human and mouse in turn, reverse
complement and a shift of up to 3 bp, 150,000 steps. The batch of 64 is what is said of it, not what its code says. The
data (basenji's `data/human`, `data/mouse`) hold 131,072 bp a window, which have to be extended to 196,608 from the genome.

Hardware: written for 64 accelerators, a window each; with remat 'block' its activations take a fifth of what they take
without (experiments/benchmarks/enformer_remat.py). Not run at this size here: hours and number to expect unknown.

genojax train --config=enformer --config.tasks.coverage.data.path=DIR --workdir=runs/enformer
"""

import ml_collections

from genojax import experiment, optim, tasks, tokenizers
from genojax.models import enformer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=enformer.EnformerConfig(dtype='bfloat16', remat='block'),
            tokenizer=tokenizers.TokenizerConfig('nucleotide', k=1),
            optim=optim.OptimConfig(
                peak=5e-4, warmup=5_000, decay='none', weight_decay=0.0, beta2=0.999, clip=0.2
            ),
            tasks={
                'coverage': tasks.CoverageConfig(
                    data=tasks.CoverageDataConfig(
                        organisms={'human': 'human', 'mouse': 'mouse'},
                        batch_size=64,
                        length=196_608,
                    )
                )
            },
            steps=150_000,
            log_every=50,
            validate_every=1_000,
            save_every=1_000,
        )
    )
