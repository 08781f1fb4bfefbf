"""The described variant of Enformer: 131,072 bp of DNA and an accessibility track in, expression and chromatin state out.

A transformer over 4,096 positions of 32 bp comes before the pooling tower, which makes the 1,024 bins of 128 bp of which
896 are predicted (`models/enformer_accessibility.py`). One DNase track a window goes in and is not scored; expression and
the other chromatin tracks of all samples come out. The described gain of 0.15 in Pearson correlation has no source.

Hardware: written for 64 accelerators, a window each. Not run at this size here: hours and number to expect unknown. The
small sibling that is run is `enformer_small_accessibility`.

genojax train --config=enformer_accessibility --config.tasks.coverage.data.path=DIR --workdir=runs/enformer_accessibility
"""

import ml_collections

from genojax import experiment, optim, tasks, tokenizers
from genojax.models import enformer_accessibility


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=enformer_accessibility.EnformerAccessibilityConfig(
                inputs=1, dtype='bfloat16', remat='block'
            ),
            tokenizer=tokenizers.TokenizerConfig('nucleotide', k=1),
            optim=optim.OptimConfig(
                peak=5e-4, warmup=5_000, decay='none', weight_decay=0.0, beta2=0.999, clip=0.2
            ),
            tasks={
                'coverage': tasks.CoverageConfig(
                    data=tasks.CoverageDataConfig(
                        organisms={'human': 'human', 'mouse': 'mouse'},
                        accessibility={'human': '^DNASE:HepG2$', 'mouse': '^DNASE:liver'},
                        batch_size=64,
                        length=131_072,
                    )
                )
            },
            steps=150_000,
            log_every=50,
            validate_every=1_000,
            save_every=1_000,
        )
    )
