"""DNABERT-2: byte-pair encoding, ALiBi; 117,074,176 parameters (Zhou et al., arXiv 2306.15006).

Hardware: written for one 8-GPU host; the published run took 14 days on eight RTX 2080 Ti. Not run
at full length here: hours and number to expect unknown. FILE is its tokenizer.json, which the
extra `weights` reads (`pip install -e '.[weights]'`) and whose [PAD] is 3; the 0 in its config.json
does not matter to the original, which reads the padding from a mask.

genojax train --config=dnabert2 --config.tokenizer.file=FILE \\
    --config.tasks.masked_lm.data.shards=DIR --workdir=runs/dnabert2
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=4096,
                pad_id=3,
                positions='alibi',
                feed_forward='geglu',
                attention_dropout=0.0,
            ),
            tokenizer=experiment.TokenizerConfig('bpe', tokens=128),
            optim=experiment.OptimConfig(
                peak=5e-4, warmup=30_000, decay='linear', weight_decay=1e-5
            ),
            tasks={
                'masked_lm': tasks.MaskedLmConfig(
                    mask=tasks.MaskConfig(rate=0.15),
                    data=tasks.GenomesDataConfig(
                        # 128 tokens are about 700 bases.
                        mixture=tasks.MixtureConfig(
                            weights={'*': 1.0}, length=700, batch_size=4096
                        ),
                    ),
                )
            },
            steps=500_000,
            log_every=100,
            validate_every=2_000,
            save_every=2_000,
        )
    )
