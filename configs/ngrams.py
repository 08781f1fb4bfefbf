"""Counts and attention: n-gram experts of every species, weighed by a small transformer.

`full` attends to the whole window, `experts` to no other base: the difference is what attention
adds. The number of species is that of the data.

Hardware: two CPU cores, about five minutes.

genojax train --config=ngrams --config.tasks.masked_lm.data.shards=shards/ \
    --config.model.ngrams.species=17 --workdir=runs/ngrams
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.nn import ngram_config, self_attention

VARIANTS = ('full', 'experts')


def get_config(variant: str = 'full') -> ml_collections.ConfigDict:
    attention = self_attention.AttentionConfig(kind='full')
    if variant == 'experts':
        attention = self_attention.AttentionConfig(kind='local', window=0)
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=10,
                width=96,
                depth=2,
                heads=4,
                inner=192,
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                positions='rotary',
                block='pre_norm',
                embed_norm=False,
                final_norm=True,
                unroll=2,
                attention=attention,
                ngrams=ngram_config.NgramConfig(),
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=2e-3, warmup=100),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.1, random=0.0, keep=0.0),
                    data=tasks.GenomesDataConfig(
                        shards='simulated',
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, rest='bases', length=128, batch_size=32
                        ),
                    ),
                )
            },
            steps=1000,
            log_every=50,
            validate_every=250,
            save_every=500,
        )
    )
