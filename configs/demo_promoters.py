"""The demo's fine-tuning: promoter or not, from the demo's pretrained model.

Hardware: two CPU cores, about half a minute. Expect an AUROC near the simulated task's known ceiling.

genojax train --config=demo_promoters --config.data.path=FILE --config.init_from=runs/demo_pretrain --workdir=runs/promoters
"""

import ml_collections

from genojax import experiment, optim
from genojax.data import feeds
from genojax.models import bert
from genojax.objectives import classify
from genojax.tokenizers import kmer


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=kmer.vocab_size(3),
                width=64,
                depth=3,
                heads=4,
                inner=256,
                max_tokens=512,
                dropout=0.0,
                attention_dropout=0.0,
                unroll=3,
            ),
            objective=classify.ClassifyConfig(classes=2, pool='mean', dropout=0.1),
            data=feeds.LabelledConfig(batch_size=32),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=optim.OptimConfig(peak=1e-3, warmup=30),
            steps=400,
            log_every=20,
            eval_every=50,
            save_every=200,
        )
    )
