"""GENA-LM BigBird (t2t): 113,403,392 parameters, byte-pair encoding, 4,096 tokens, about 36 kb
(Fishman et al. 2025).

Hardware: written for 8-GPU or 8-TPU hosts. Not run at full length here: hours and number to expect
unknown. The count is without the pooler and the next-sentence head, which no language model needs.
FILE is its tokenizer.json, which the extra bpe reads (`pip install -e '.[bpe]'`). Attention is what
transformers' PyTorch class does in evaluation (plan 'hf_eval'): up to 704 tokens full, longer rows
in whole blocks of 64 and with the first block in place of random ones. To train from the start,
plan 'uniform' is better.

genojax train --config=gena_bigbird --config.tokenizer.file=FILE \\
    --config.tasks.masked_lm.data.shards=DIR --workdir=runs/gena_bigbird
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.nn import self_attention


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=32_000,
                max_tokens=4096,
                pad_id=3,
                attention_dropout=0.0,  # block-sparse attention has none in the published code
                feed_forward='gelu_tanh',
                attention=self_attention.AttentionConfig(
                    kind='bigbird',
                    block=64,
                    window_blocks=3,
                    global_blocks=2,
                    random_blocks=3,
                    plan='hf_eval',
                ),
                length_multiple=64,
                remat='dots',
            ),
            tokenizer=experiment.TokenizerConfig('bpe', tokens=4096),
            optim=experiment.OptimConfig(peak=1e-4, warmup=10_000, decay='linear'),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        # 4,096 tokens are about nine bases each.
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=36_864, batch_size=256
                        ),
                    ),
                )
            },
            steps=1_000_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
        )
    )
