"""The smallest run that goes through every part: for debugging on a laptop, not for numbers.

Hardware: one CPU core, under half a minute. Expect a loss that falls from 4.2 nats.

genojax train --config=debug_cpu --workdir=runs/debug
"""

import ml_collections

from genojax import experiment, optim
from genojax.data.datasets import mixture
from genojax.models import bert
from genojax.tasks import feeds
from genojax.tasks.masked_lm import masking
from genojax.tasks.masked_lm import objective as mlm
from genojax.tokenizers import kmer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=kmer.vocab_size(3), width=16, depth=2, heads=2, inner=32, max_tokens=128
            ),
            objective=mlm.MlmConfig(mask=masking.MaskConfig(rate=0.1)),
            data=feeds.GenomesConfig(
                shards='simulated',
                mixture=mixture.MixtureConfig(weights={'*': 1.0}, length=64, batch_size=8),
                eval_windows=32,
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=optim.OptimConfig(peak=3e-3, warmup=5),
            steps=30,
            log_every=5,
            eval_every=15,
            save_every=15,
        )
    )
