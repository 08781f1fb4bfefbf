"""The smallest run that goes through every part: for debugging on a laptop, not for numbers.

Hardware: one CPU core, under half a minute. Expect a loss that falls from 4.2 nats.

genojax train --config=debug_cpu --workdir=runs/debug
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.tokenizers import kmer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=kmer.vocab_size(3), width=16, depth=2, heads=2, inner=32, max_tokens=128
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=3e-3, warmup=5),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.1),
                    data=tasks.GenomesDataConfig(
                        shards='simulated',
                        mixture=tasks.MixtureConfig(weights={'*': 1.0}, length=64, batch_size=8),
                        validation_windows=32,
                    ),
                )
            },
            steps=30,
            log_every=5,
            validate_every=15,
            save_every=15,
        )
    )
