"""A small Enformer of C6's variant: one DNase track of each organism goes in beside 16,384 bp of DNA.

The input is HepG2's for human and the only one, of kidney, for mouse; neither is scored. Elsewhere than in a window's centre
65,536 bp it is not known. The transformer runs over positions of 64 bp, and a pooling stage after it makes bins of 128 bp.

Hardware: one CPU core, a few minutes. Expect what experiments/003_tracks says.

genojax train --config=enformer_small_accessibility --config.tasks.coverage.data.path=DIR --workdir=runs/enformer_small_accessibility
genojax evaluate runs/enformer_small_accessibility
"""

import ml_collections

from genojax import experiment, optim, tasks, tokenizers
from genojax.models import enformer_accessibility


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=enformer_accessibility.EnformerAccessibilityConfig(
                inputs=1,
                width=32,
                depth=1,
                heads=4,
                key_width=16,
                basis=24,
                multiple=8,
                trunk_stages=6,
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
                        accessibility={'human': '^DNASE:HepG2$', 'mouse': '^DNASE:'},
                    ),
                )
            },
            steps=480,
            log_every=40,
            validate_every=80,
            save_every=80,
        )
    )
