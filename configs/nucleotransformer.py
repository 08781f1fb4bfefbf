"""NucleoTransformer: whole microbial chromosomes by the megabase (genojax's own encoder).

| variant | reads | parameters |
|---|---|---|
| bases | 1,048,576 bp, one token per base | 353,758,218 |
| 6mer | 1,048,576 bp in 174,767 tokens of Nucleotide Transformer | 357,955,593 |
| small | 8,192 bp, one token per base; 4 layers of width 64 | 205,002 |

Pre-norm blocks, rotary positions, BigBird attention: cost grows linearly with the length, and every
base reaches every other within two layers. The model of this name in the project's description is
not published.

Hardware: `bases` and `6mer` 256 TPU v5e, a row sharded over 16 chips, 16 rows per step; not run at
full length here: hours and the number to expect are unknown. `small`: two CPU cores, 17 minutes of
CPU time; expect 1.945 bits per base on the 110 test replicons of experiments/002_microbes (order 0
of the training set 2.051, order 5 2.000).

genojax train --config=nucleotransformer:small --config.tasks.masked_lm.data.shards=DIR \\
    --workdir=runs/nucleotransformer_small
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.nn import self_attention

VARIANTS = ('bases', '6mer', 'small')
LARGE = {
    **{'width': 1024, 'depth': 28, 'heads': 16, 'inner': 4096},
    **{'dtype': 'bfloat16', 'remat': 'block'},
    'length_multiple': 16 * 128,  # devices along the sequence times block
}
MODELS = {
    'bases': {'vocab': 10, 'max_tokens': 1_048_578, **LARGE},
    '6mer': {'vocab': 4105, 'pad_id': 1, 'max_tokens': 174_767, **LARGE},
    'small': {
        **{'vocab': 10, 'max_tokens': 8_194, 'unroll': 4},
        **{'width': 64, 'depth': 4, 'heads': 2, 'inner': 256},
    },
}


def get_config(variant: str = 'bases') -> ml_collections.ConfigDict:
    small = variant == 'small'
    attention = self_attention.AttentionConfig(
        kind='bigbird',
        block=64 if small else 128,
        window_blocks=3,
        global_blocks=2,
        random_blocks=3,
    )
    mixture = tasks.MixtureConfig(weights={'*': 1.0}, length=1_048_576, batch_size=16)
    if small:
        # Replicons by size: with equal shares a chromosome is drawn as rarely as a plasmid.
        mixture = tasks.MixtureConfig(weights={'*': 1.0}, rest='bases', length=8_192, batch_size=1)
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                **MODELS[variant],
                token_types=0,
                dropout=0.0,
                attention_dropout=0.0,
                epsilon=1e-5,
                attention=attention,
                positions='rotary',
                block='pre_norm',
                embed_norm=False,
                final_norm=True,
            ),
            tokenizer=experiment.TokenizerConfig('nonoverlapping', 6)
            if variant == '6mer'
            else experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=2e-3, warmup=50)
            if small
            else experiment.OptimConfig(peak=2e-4, warmup=1_000, decay='cosine', floor=0.1),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(mixture=mixture, validation_windows=64),
                )
            },
            steps=900 if small else 10_000,
            log_every=20 if small else 10,
            validate_every=300 if small else 250,
            save_every=300 if small else 250,
            mesh=experiment.MeshConfig() if small else experiment.MeshConfig(fsdp=16, sequence=16),
        )
    )
