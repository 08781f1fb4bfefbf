"""NucleoTransformer's laptop sibling: the same parts, 4 blocks 64 wide, 205,002 parameters, rows of 8,192 bases.

Hardware: two CPU cores, 17 minutes of CPU time. Expect 1.945 held-out bits per base on the 110 replicons of
experiments/002_microbes (order 0 of the training set 2.051, order 5 2.000).

genojax train --config=nucleotransformer_small --config.tasks.masked_lm.data.shards=DIR --workdir=runs/nucleotransformer_small
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import bert
from genojax.nn import self_attention


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=10,
                width=64,
                depth=4,
                heads=2,
                inner=256,
                max_tokens=8_194,
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                epsilon=1e-5,
                attention=self_attention.AttentionConfig(
                    kind='bigbird', block=64, near=3, ends=2, random=3
                ),
                positions='rotary',
                block='pre_norm',
                embed_norm=False,
                final_norm=True,
                unroll=4,
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=2e-3, warmup=50),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        # Replicons by their size: equal shares would show a chromosome as rarely as a plasmid.
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, rest='bases', length=8_192, batch_size=1
                        ),
                        validation_windows=64,
                    ),
                )
            },
            steps=900,
            log_every=20,
            validate_every=300,
            save_every=300,
        )
    )
