"""Values of one's own sequences, such as expression: a small convolutional network.

A network of Basset's kind (Kelley et al. 2016) with one layer, dropout and weight decay, which
suffices for some thousand sequences of up to 128 bases. For longer ones set
`--config.model.length`.

Hardware: two CPU cores, minutes.

genojax train --config=regression --config.tasks.values.data.path=FILE --workdir=runs/values
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import basset


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=basset.BassetConfig(
                vocab=10,
                length=128,
                filters=(128, 128),
                windows=(9, 5),
                pools=(2, 2),
                padding='same',
                hidden=(256,),
                dropout=0.3,
                targets=0,
            ),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=1e-3, warmup=50),
            tasks={
                'values': tasks.RegressionConfig(
                    dropout=0.0, data=tasks.ValueDataConfig(batch_size=64)
                )
            },
            steps=1_500,
            log_every=50,
            validate_every=100,
            save_every=500,
        )
    )
