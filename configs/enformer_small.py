"""A small Enformer on real coverage of human and mouse, from 131,072 bp of DNA: for a laptop, not for its figures.

Hardware: two CPU cores, a quarter of an hour. Expect what experiments/003_tracks says; with 58 windows to train on, not much.
Where the files of `tracks_borzoi_tiny` lie is given on the command line:

genojax train --config=enformer_small --config.data.path=DIR --workdir=runs/enformer_small
genojax evaluate runs/enformer_small

Without data, on simulated tracks: --config.data.path=simulated --config.model.tracks='(4, 4)' --config.model.crop=8
"""

import ml_collections

from genojax import experiment, optim, tokenizers
from genojax.data import feeds
from genojax.models import enformer
from genojax.objectives import tracks


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=enformer.EnformerConfig(
                width=32,
                depth=2,
                heads=4,
                key_width=16,
                basis=24,
                multiple=8,
                crop=256,  # bins of 128 bp: the centre 65,536 bp stay, whose coverage is known
                tracks=(74, 32),
                unroll=2,
                dropout=0.4,
                attention_dropout=0.0,
            ),
            objective=tracks.TracksConfig(balance=0.5),
            data=feeds.TracksConfig(organisms={'human': 'hg38', 'mouse': 'mm10'}),
            tokenizer=tokenizers.TokenizerConfig('nucleotide', k=1),
            optim=optim.OptimConfig(peak=4e-3, warmup=30, weight_decay=0.1),
            steps=400,
            log_every=50,
            eval_every=100,
            save_every=100,
        )
    )
