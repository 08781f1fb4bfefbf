"""DNABERT: overlapping k-mers, 512 tokens (Ji et al. 2021); 89,196,549 parameters at k = 6.

`k3` ... `k6` are the published models: human DNA alone; ingest it first. `described` is the model
of the project's description: 512 bp and lower mask rates in exons. (The description says 110 M
parameters, which is BERT-base with a 30,000-word vocabulary.) It names six species and no weights
for others, so that here every genome has the same weight until
`--config.tasks.masked_lm.data.mixture.weights.human=0.3` and the like give it another.

Hardware: one 8-GPU or 8-TPU host; the published run took 25 days on eight RTX 2080 Ti. Not run at
full length here: the number to expect is unknown.

genojax train --config=dnabert:k6 --config.tasks.masked_lm.data.shards=DIR --workdir=runs/dnabert_k6
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.tokenizers import kmer

VARIANTS = ('k6', 'k5', 'k4', 'k3', 'described')


def get_config(variant: str = 'k6') -> ml_collections.ConfigDict:
    k = 6 if variant == 'described' else int(variant[1:])
    # One hidden base masks k tokens, so 15 % of the tokens are masked at a rate of 0.15 / k.
    mask = tasks.MaskConfig(rate=0.15 / k)
    # 510 tokens between [CLS] and [SEP].
    mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=510 + k - 1, batch_size=256)
    if variant == 'described':
        mask = tasks.MaskConfig(rate=0.15 / k, region_rates={'exon': 0.08 / k})
        mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=512, batch_size=1024)
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(vocab=kmer.vocab_size(k)),
            tokenizer=experiment.TokenizerConfig('kmer', k),
            optim=experiment.OptimConfig(peak=4e-4, warmup=10_000, decay='linear'),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=mask, data=tasks.GenomesDataConfig(mixture=mixture)
                )
            },
            steps=120_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
        )
    )
