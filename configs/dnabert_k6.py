"""DNABERT on overlapping 6-mers at the paper's size: 89,196,549 parameters, 512 tokens (Ji et al. 2021).

Hardware: written for one 8-GPU or 8-TPU host; the published run took 25 days on eight RTX 2080 Ti. Not run at full
length here: no number to expect yet. Human genome only, as published; ingest it first.

genojax train --config=dnabert_k6 --config.tasks.masked_lm.data.shards=DIR --workdir=runs/dnabert_k6
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import bert
from genojax.tokenizers import kmer

K = 6


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(vocab=kmer.vocab_size(K)),
            # One hidden base masks K tokens, so 15 % of the tokens are masked at a rate of 0.15 / K.
            tokenizer=experiment.TokenizerConfig('kmer', K),
            optim=optim.OptimConfig(peak=4e-4, warmup=10_000, decay='linear'),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15 / K),
                    data=tasks.GenomesDataConfig(
                        # 510 tokens between [CLS] and [SEP].
                        mixture=tasks.MixtureConfig(
                            weights={'human': 1.0}, length=510 + K - 1, batch_size=256
                        ),
                    ),
                )
            },
            steps=120_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
        )
    )
