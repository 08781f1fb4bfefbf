"""DNABERT as the project's description has it: 512 bp, six species weighted, masks that spare exons.

The description says 110 M parameters, which is BERT-base with a 30,000-word vocabulary; the same encoder on 6-mers has
89,196,549. Six species and region-aware masks are the description's too: the published model saw human DNA alone.

Hardware: written for one 8-GPU or 8-TPU host. Not run at full length here: no number to expect yet.

genojax train --config=dnabert_described --config.tasks.masked_lm.data.shards=DIR --workdir=runs/dnabert_described
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import bert
from genojax.tokenizers import kmer

K = 6
WEIGHTS = {
    'human': 0.3,
    'mouse': 0.2,
    'zebrafish': 0.15,
    'fly': 0.1,
    'worm': 0.1,
    'arabidopsis': 0.15,
}


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(vocab=kmer.vocab_size(K)),
            tokenizer=experiment.TokenizerConfig('kmer', K),
            optim=optim.OptimConfig(peak=4e-4, warmup=10_000, decay='linear'),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15 / K, region_rates={'exon': 0.08 / K}),
                    data=tasks.GenomesDataConfig(
                        mixture=tasks.MixtureConfig(
                            weights=WEIGHTS, length=512, batch_size=1024, reverse_complement=True
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
