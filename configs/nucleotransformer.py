"""NucleoTransformer: whole microbial chromosomes by the megabase, one token a base; 353,758,218 parameters.

An encoder of genojax's own (the described model of this name is not published): 1,048,576 bp and two special tokens a row,
28 blocks 1,024 wide, rotary positions, BigBird attention in blocks of 128 (own block and one on each side, the first and
the last, three random ones), so the cost grows with the length and every base reaches every other in two blocks.

Hardware: written for 256 TPU v5e: a row is split over 16 chips, 16 rows a step. Not run at full length here: hours and
number to expect unknown.

genojax train --config=nucleotransformer --config.tasks.masked_lm.data.shards=DIR --workdir=runs/nucleotransformer
"""

import ml_collections

from genojax import experiment, optim, sharding, tasks
from genojax.models import bert
from genojax.nn import self_attention


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=10,
                width=1024,
                depth=28,
                heads=16,
                inner=4096,
                max_tokens=1_048_578,
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                epsilon=1e-5,
                dtype='bfloat16',
                attention=self_attention.AttentionConfig(
                    kind='bigbird', block=128, near=3, ends=2, random=3
                ),
                positions='rotary',
                block='pre_norm',
                embed_norm=False,
                final_norm=True,
                remat='block',
                length_multiple=16 * 128,  # devices along the sequence x block
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=2e-4, warmup=1_000, decay='cosine', floor=0.1),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=1_048_576, batch_size=16
                        ),
                        validation_windows=64,
                    ),
                )
            },
            steps=10_000,
            log_every=10,
            validate_every=250,
            save_every=250,
            mesh=sharding.MeshConfig(fsdp=16, sequence=16),
        )
    )
