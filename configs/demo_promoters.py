"""The demo's fine-tuning: promoter or not, from the demo's pretrained model.

Hardware: two CPU cores, less than a minute. Expect a test AUROC of 0.939 on the simulated task
(known ceiling 0.959), the figure of `genojax demo`; after `demo` alone and with
`--config.steps=800`, three seeds reached 0.944 to 0.946.

genojax train --config=demo_promoters --config.tasks.promoters.data.path=FILE \\
    --config.init_from=runs/demo_pretrain --workdir=runs/promoters
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.tokenizers import kmer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=kmer.vocab_size(3),
                width=64,
                depth=2,
                heads=2,
                inner=256,
                max_tokens=512,
                dropout=0.15,
                attention_dropout=0.0,
                unroll=2,
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=1e-3, warmup=50),
            tasks={
                'promoters': tasks.ClassificationConfig(
                    classes=2,
                    pool='positions',
                    dropout=0.3,
                    data=tasks.LabelledDataConfig(batch_size=16),
                )
            },
            steps=400,
            log_every=50,
            validate_every=100,
            save_every=400,
        )
    )
