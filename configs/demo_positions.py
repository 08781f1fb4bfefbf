"""The demo's pretraining with genojax's own attention pattern and positions, each alone and
together.

`anchored`: a token attends to its neighbours within 32 tokens, and to those whose position adds up
with its own to a multiple of 64 (`attention.patterns`). `cpg`: rotary positions along a coordinate
that advances with local CpG density (`nn.positions`). `both`. `columns`: the control of `anchored`
at the same cost, where every token attends to the same columns, whatever its own position.

Hardware: two CPU cores, one to two minutes. Not compared with other patterns and positions yet: no
number to expect.

genojax train --config=demo_positions:both --workdir=runs/positions
"""

import dataclasses

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.nn import self_attention
from genojax.tokenizers import kmer

VARIANTS = ('anchored', 'cpg', 'both', 'columns')


def get_config(variant: str = 'both') -> ml_collections.ConfigDict:
    model = bert.BertConfig(
        vocab=kmer.vocab_size(3),
        width=64,
        depth=2,
        heads=2,
        inner=256,
        max_tokens=256,
        dropout=0.0,
        attention_dropout=0.0,
        unroll=2,
        positions='rotary',
    )
    if variant != 'cpg':
        anchors = 'columns' if variant == 'columns' else 'antidiagonal'
        attention = self_attention.AttentionConfig(
            kind='anchored', window=32, period=64, anchors=anchors
        )
        model = dataclasses.replace(model, attention=attention)
    if variant in ('cpg', 'both'):
        model = dataclasses.replace(model, coordinate='cpg')
    mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=128, batch_size=32)
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=2e-3, warmup=50),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.1, region_rates={'exon': 0.08}),
                    data=tasks.GenomesDataConfig(shards='simulated', mixture=mixture),
                )
            },
            steps=400,
            log_every=20,
            validate_every=200,
            save_every=200,
        )
    )
