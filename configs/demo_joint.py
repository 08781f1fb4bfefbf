"""Two tasks train one encoder together: masked language modelling, and promoters from a table.

The loss is the sum of both, each times its weight; every task has its own data and batches. The
encoder and the genomes are those of `demo`.

Hardware: two CPU cores, about two minutes. No number to expect yet. FILE is a table of labelled
sequences; `genojax simulate DIR` writes one as DIR/promoters/promoters.tsv.

genojax train --config=demo_joint --config.tasks.promoters.data.path=FILE --workdir=runs/joint
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.tokenizers import kmer


def get_config() -> ml_collections.ConfigDict:
    mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=128, batch_size=32)
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=kmer.vocab_size(3),
                width=64,
                depth=2,
                heads=2,
                inner=256,
                max_tokens=512,
                dropout=0.1,
                attention_dropout=0.0,
                unroll=2,
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=2e-3, warmup=50),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.1, region_rates={'exon': 0.08}),
                    data=tasks.GenomesDataConfig(shards='simulated', mixture=mixture),
                ),
                'promoters': tasks.ClassificationConfig(
                    pool='positions', dropout=0.3, data=tasks.LabelledDataConfig(batch_size=16)
                ),
            },
            select_by='promoters',
            steps=400,
            log_every=20,
            validate_every=100,
            save_every=200,
        )
    )
