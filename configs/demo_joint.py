"""Two tasks train one encoder together: masked language modelling, and a second one.

The loss is the sum of both, each times its weight; every task has its own data and batches. The
encoder and the genomes are those of `demo`. `promoters` adds labelled sequences of a table;
`orthologues` adds orthologous genes, which are to have similar vectors: the pretraining of
`genojax demo`.

Hardware: two CPU cores, about two minutes. Numbers of `orthologues`: experiments/001_main_job. FILE
is a table of labelled sequences; `genojax simulate DIR` writes one as DIR/promoters/promoters.tsv.

genojax train --config=demo_joint --config.tasks.promoters.data.path=FILE --workdir=runs/joint
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.tokenizers import kmer

VARIANTS = ('promoters', 'orthologues')


def get_config(variant: str = 'promoters') -> ml_collections.ConfigDict:
    promoters = tasks.ClassificationConfig(
        pool='positions', dropout=0.3, data=tasks.LabelledDataConfig(batch_size=16)
    )
    orthologues = tasks.ContrastiveConfig(
        weight=0.1,
        pool='bins',
        bins=8,
        hidden=0,
        data=tasks.OrthologuesDataConfig(
            genomes='simulated',
            related_families='report',  # repeats in introns connect the simulated genes
            batch_size=8,
            length=256,
            pair_weights=tasks.PairWeights(orthologue=1.0, self=0.25),
            augment=tasks.AugmentationConfig(substitutions=0.3, shift=15),
        ),
    )
    second = {'promoters': promoters} if variant == 'promoters' else {'orthologues': orthologues}
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
                dropout=0.1 if variant == 'promoters' else 0.0,
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
            }
            | second,
            select_by='promoters' if variant == 'promoters' else 'masked_lm',
            steps=400 if variant == 'promoters' else 250,
            log_every=20,
            validate_every=100 if variant == 'promoters' else 125,
            save_every=200 if variant == 'promoters' else 250,
        )
    )
