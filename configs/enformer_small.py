"""A small Enformer on real coverage of human and mouse, from 16,384 bp of DNA: for a laptop, not for its figures.

Windows of 131,072 bp are read in 8 pieces each, 16 of them a step: batch norm over one or two windows would take out what
tells them apart.

Hardware: one CPU core, a few minutes. Expect what experiments/003_tracks says; with 58 windows to train on, not much.
Where the files of `tracks_borzoi_tiny` lie is given on the command line:

genojax train --config=enformer_small --config.tasks.coverage.data.path=DIR --workdir=runs/enformer_small
genojax evaluate runs/enformer_small

Without data, on simulated tracks: --config.tasks.coverage.data.path=simulated --config.model.tracks='(4, 4)' --config.model.crop=8
--config.tasks.coverage.data.pieces=1 --config.tasks.coverage.data.length=0
"""

import ml_collections

from genojax import experiment, optim, tasks, tokenizers
from genojax.models import enformer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=enformer.EnformerConfig(
                width=32,
                depth=1,
                heads=4,
                key_width=16,
                basis=24,
                multiple=8,
                crop=32,  # bins of 128 bp: of 16,384 bp that a row is given, 8,192 are its to predict
                tracks=(74, 32),
                unroll=1,
                dropout=0.1,
                attention_dropout=0.0,
            ),
            tokenizer=tokenizers.TokenizerConfig('nucleotide', k=1),
            optim=optim.OptimConfig(peak=5e-3, warmup=20, weight_decay=0.01),
            tasks={
                'coverage': tasks.CoverageConfig(
                    loss='poisson_multinomial',
                    balance=0.5,
                    data=tasks.CoverageDataConfig(
                        organisms={'human': 'hg38', 'mouse': 'mm10'},
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
