"""Orthologous genes near each other: species contrastive pretraining, alone or with masked LM.

A projection of a network's vectors is trained by InfoNCE: a gene's orthologue against all other
genes of the batch, an eighth of which are of other families and alike in GC and length. `alone`
trains a small BERT on 5-mers, whose vectors are means of 8 parts of a gene; `joint` adds masked
language modelling, which reads the genes of the test families too unless they are absent from, or
cut out of, its genomes (`tasks.masked_lm.data.labels`); `convolutions` is a network of Basset's
kind without masked LM, cheaper, for genes that are alike from end to end. By default on a simulated
clade; for your own genes name a table with columns family, species and sequence, or a folder of
annotated genomes (`data.genomes`):

genojax train --config=contrastive:convolutions --config.tasks.contrastive.data.path=FILE \\
    --workdir=runs/contrastive

Hardware: two CPU cores, minutes. Numbers: experiments/006_contrastive.
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import basset, bert
from genojax.tokenizers import kmer

VARIANTS = ('alone', 'joint', 'convolutions')
LENGTH = 256  # bases of a row


def get_config(variant: str = 'alone') -> ml_collections.ConfigDict:
    if variant == 'convolutions':
        tokenizer = experiment.TokenizerConfig('nucleotide', 1)
        model = basset.BassetConfig(
            vocab=10,
            length=LENGTH,
            filters=(64, 64),
            windows=(15, 5),
            pools=(6, 4),
            padding='same',
            hidden=(256,),
            dropout=0.1,
            targets=0,
        )
    else:
        tokenizer = experiment.TokenizerConfig('kmer', 5)
        model = bert.BertConfig(
            vocab=kmer.vocab_size(5),
            width=48,
            depth=1,
            heads=2,
            inner=96,
            max_tokens=LENGTH,
            attention_dropout=0.0,
        )
    contrastive = tasks.ContrastiveConfig(
        pool='mean' if variant == 'convolutions' else 'bins',
        bins=8,
        hidden=0,
        projection=256,
        data=tasks.OrthologuesDataConfig(
            genomes='simulated',
            related_families='report',  # repeats in introns connect the simulated genes
            batch_size=64,
            matched_negatives=8,
            length=LENGTH,
            pair_weights=tasks.PairWeights(orthologue=1.0, splice=0.5, self=0.25),
            augment=tasks.AugmentationConfig(substitutions=0.3, shift=15),
        ),
    )
    masked_lm = tasks.MaskedLmConfig(
        mask=tasks.MaskConfig(rate=0.1),
        data=tasks.GenomesDataConfig(
            shards='simulated',
            mixture=tasks.MixtureConfig(weights={'*': 1.0}, length=128, batch_size=16),
        ),
    )
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=tokenizer,
            optim=experiment.OptimConfig(peak=2e-3, warmup=50),
            tasks={'contrastive': contrastive}
            | ({'masked_lm': masked_lm} if variant == 'joint' else {}),
            select_by='contrastive',
            steps=400,
            log_every=20,
            validate_every=100,
            save_every=200,
        )
    )
