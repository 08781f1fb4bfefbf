"""Nucleotide Transformer: non-overlapping 6-mers (Dalla-Torre et al., Nature Methods 2024).

| variant | parameters | tokens per row |
|---|---|---|
| v1_500m | 485,698,825 | 1,000 |
| v1_2500m | 2,547,800,585 | 1,000 |
| v2_50m | 54,855,179 | 2,048 |
| v2_100m | 96,839,179 | 2,048 |
| v2_250m | 233,545,995 (sizes inferred from its name and siblings) | 2,048 |
| v2_500m | 496,245,771 | 2,048 |

Hardware: 8-GPU or 8-TPU hosts; v1_2500m shards its parameters over eight devices. Not run at full
length here: hours and the number to expect are unknown. Published weights are trained with epsilon
1e-5 (InstaDeep's JAX code); files of transformers say 1e-12, and `genojax convert` keeps what a
file says.

genojax train --config=nucleotide_transformer:v2_50m --config.tasks.masked_lm.data.shards=DIR \\
    --workdir=runs/nt
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.nn import blocks

VARIANTS = ('v2_50m', 'v2_100m', 'v2_250m', 'v2_500m', 'v1_500m', 'v1_2500m')

V1 = {'vocab': 4105, 'max_tokens': 1000, 'positions': 'counted'}
V2 = {'vocab': 4107, 'max_tokens': 2048, 'positions': 'rotary', 'feed_forward': 'swiglu'}
SIZES = {
    'v1_500m': {'width': 1280, 'depth': 24, 'heads': 20, 'inner': 5120},
    'v1_2500m': {
        **{'width': 2560, 'depth': 32, 'heads': 20, 'inner': 10240},
        **{'dtype': 'bfloat16', 'remat': 'block'},
    },
    'v2_50m': {'width': 512, 'depth': 12, 'heads': 16, 'inner': 2048, 'remat': 'dots'},
    'v2_100m': {'width': 512, 'depth': 22, 'heads': 16, 'inner': 2048, 'remat': 'dots'},
    'v2_250m': {'width': 768, 'depth': 24, 'heads': 16, 'inner': 3072, 'remat': 'dots'},
    'v2_500m': {'width': 1024, 'depth': 29, 'heads': 16, 'inner': 4096, 'remat': 'dots'},
}
STEPS = {'v2_250m': 800_000, 'v2_500m': 900_000}


def get_config(variant: str = 'v2_50m') -> ml_collections.ConfigDict:
    version = variant[:2]
    model = bert.BertConfig(
        **(V1 if version == 'v1' else V2),
        **SIZES[variant],
        token_types=0,
        dropout=0.0,
        attention_dropout=0.0,
        epsilon=1e-5,
        pad_id=1,
        block='pre_norm',
        token_dropout=blocks.TokenDropout(mask_id=2) if version == 'v1' else None,
        embed_norm=False,
        final_norm=True,
        head='untied',
    )
    # 999 or 2,047 six-mers after [CLS]; rows with N, or at the end of a contig, cover fewer bases.
    length, batch_size = (5_994, 1024) if version == 'v1' else (12_282, 512)
    mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=length, batch_size=batch_size)
    return experiment.to_config(
        experiment.Experiment(
            model=model,
            tokenizer=experiment.TokenizerConfig('nonoverlapping', variant=version),
            optim=experiment.OptimConfig(
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
                    data=tasks.GenomesDataConfig(mixture=mixture),
                )
            },
            steps=STEPS.get(variant, 300_000),
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
            mesh=experiment.MeshConfig(fsdp=8 if variant == 'v1_2500m' else 1),
        )
    )
