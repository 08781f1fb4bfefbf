"""A bidirectional GRU on labelled sequences of one's own, the recurrent family's baseline: 103,426 parameters.

Hardware: a CPU for short sequences: experiments/004_older_families trains it on 70 bp promoters in minutes, and has the
numbers to expect.

genojax train --config=recurrent --config.data.path=FILE --workdir=runs/recurrent
"""

import ml_collections

from genojax import experiment, optim
from genojax.models import recurrent
from genojax.tasks import feeds
from genojax.tasks.classification import objective as classify


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=recurrent.RecurrentConfig(
                vocab=10, cell='gru', width=128, dropout=0.2, language_model=False
            ),
            objective=classify.ClassifyConfig(classes=2, pool='first', dropout=0.3),
            data=feeds.LabelledConfig(batch_size=32),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=optim.OptimConfig(peak=2e-3, warmup=50),
            steps=600,
            log_every=50,
            eval_every=50,
            save_every=600,
        )
    )
