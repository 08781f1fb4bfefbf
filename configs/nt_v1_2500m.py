"""Nucleotide Transformer v1, 2.5B: 2,547,800,585 parameters, 6-mers side by side, 1,000 tokens (Dalla-Torre et al. 2024).

Hardware: written for a pod or several 8-GPU hosts, parameters split over eight devices.
Not run at full length here: hours and number to expect unknown. Published weights are trained with epsilon 1e-5
(InstaDeep's JAX code); files of transformers say 1e-12 and are read with what they say (convert).

genojax train --config=nt_v1_2500m --config.tasks.masked_lm.data.shards=DIR --workdir=runs/nt_v1_2500m
"""

import ml_collections

from genojax import experiment, optim, sharding, tasks
from genojax.models import bert


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=4105,
                width=2560,
                depth=32,
                heads=20,
                inner=10240,
                max_tokens=1000,
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                epsilon=1e-5,
                pad_id=1,
                positions='counted',
                block='pre_norm',
                token_dropout=bert.TokenDropout(mask_id=2),
                embed_norm=False,
                final_norm=True,
                head='untied',
                dtype='bfloat16',
                remat='block',
            ),
            tokenizer=experiment.TokenizerConfig('nonoverlapping', variant='v1'),
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
                        # 999 six-mers behind [CLS]; a row with N or the end of a contig covers fewer bases.
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=5_994, batch_size=1024
                        ),
                    ),
                )
            },
            steps=300_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
            mesh=sharding.MeshConfig(fsdp=8),
        )
    )
