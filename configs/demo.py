"""The masked LM of the demo by itself: a small DNABERT on 3-mers, on the simulated clade.

Hardware: two CPU cores, about a minute. Expect 1.932 to 1.934 bits per base on the test windows of
the simulated clade (order-0 Markov model 1.981) and 1.911 to 1.920 on the real set (1.947), three
seeds; how they were printed: experiments/001_main_job.

genojax train --config=demo --workdir=runs/demo_pretrain
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=69,  # 64 3-mers and 5 special tokens
                width=64,
                depth=2,
                heads=2,
                inner=256,
                max_tokens=512,
                dropout=0.0,
                attention_dropout=0.0,
                unroll=2,
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=2e-3, warmup=50),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.1, region_rates={'exon': 0.08}),
                    data=tasks.GenomesDataConfig(
                        shards='simulated',
                        mixture=tasks.MixtureConfig(weights={'*': 1.0}, length=128, batch_size=32),
                    ),
                )
            },
            steps=400,
            log_every=20,
            validate_every=200,
            save_every=200,
        )
    )
