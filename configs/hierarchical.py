"""The hierarchical encoder at its named size: 1 Mb as 64 chunks of 16,384 bases; 32,851,466
parameters.

Six blocks inside chunks, two across the 64 summaries, two inside chunks after the broadcast; 512
wide.

Hardware: written for 256 TPU v5e: a row's chunks are split over 8 chips, 32 rows per step. Not run
at full length here: hours and number to expect unknown. `experiments/benchmarks/long_context.py`
takes a narrow one through a real megabase on a CPU.

genojax train --config=hierarchical --config.tasks.masked_lm.data.shards=DIR \\
    --workdir=runs/hierarchical
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import hierarchical


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=hierarchical.HierarchicalConfig(
                vocab=10, dtype='bfloat16', at_once=8, remat='block'
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=4e-4, warmup=1_000, floor=0.1),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=64 * 16_384, batch_size=32
                        ),
                        validation_windows=64,
                    ),
                )
            },
            steps=10_000,
            log_every=10,
            validate_every=250,
            save_every=250,
            mesh=experiment.MeshConfig(fsdp=32, sequence=8),
        )
    )
