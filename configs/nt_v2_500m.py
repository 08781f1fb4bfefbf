"""Nucleotide Transformer v2, 500M: 496,245,771 parameters, 6-mers side by side, 2,048 tokens (Dalla-Torre et al. 2024).

Hardware: written for 8-GPU or 8-TPU hosts. Not run at full length here: hours and number to expect unknown.

genojax train --config=nt_v2_500m --config.tasks.masked_lm.data.shards=DIR --workdir=runs/nt_v2_500m
"""

import ml_collections

from genojax import experiment, optim, tasks
from genojax.models import bert


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=4107,
                width=1024,
                depth=29,
                heads=16,
                inner=4096,
                max_tokens=2048,
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                epsilon=1e-5,  # of InstaDeep's JAX code; files of transformers say 1e-12 and are read with what they say
                pad_id=1,
                positions='rotary',
                block='pre_norm',
                feed_forward='swiglu',
                embed_norm=False,
                final_norm=True,
                head='untied',
                remat='dots',
            ),
            tokenizer=experiment.TokenizerConfig('nonoverlapping', variant='v2'),
            optim=optim.OptimConfig(
                peak=1e-4,
                warmup=16_000,
                start=0.5,  # of the peak
                decay='inverse_sqrt',
                beta2=0.999,
                epsilon=1e-8,
            ),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        # 2,047 six-mers behind [CLS].
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=12_282, batch_size=512
                        ),
                    ),
                )
            },
            steps=900_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
        )
    )
