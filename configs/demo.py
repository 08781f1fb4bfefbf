"""The demo's pretraining: a small DNABERT on 3-mers, on the simulated clade or on `--genomes`.

Hardware: two CPU cores, about a minute. Expect 1.93 held-out bits per base on the simulated clade (order-0 entropy 1.98), 1.91 on
the real set (1.94); three seeds, 1.932 to 1.934 and 1.909 to 1.914.

genojax train --config=demo --workdir=runs/demo_pretrain
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
                vocab=kmer.vocab_size(3),
                width=64,
                depth=2,
                heads=2,
                inner=256,
                max_tokens=512,
                dropout=0.0,
                attention_dropout=0.0,
                unroll=2,
            ),
            objective=mlm.MlmConfig(mask=masking.MaskConfig(rate=0.1, region_rates={'exon': 0.08})),
            data=feeds.GenomesConfig(
                shards='simulated',
                mixture=mixture.MixtureConfig(weights={'*': 1.0}, length=128, batch_size=32),
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=optim.OptimConfig(peak=2e-3, warmup=50),
            steps=400,
            log_every=20,
            eval_every=200,
            save_every=200,
        )
    )
