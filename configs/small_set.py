"""Classes of up to some thousand short sequences: a residual dilated CNN with what they need.

What a small set needs is on: dropout in every block and before the classes, weight decay, rows read
from both strands, and the checkpoint with the lowest validation loss. For labels with a strand,
such as promoters or splice sites, set `--config.tasks.labels.data.reverse_complement=False`. Six
blocks see 63 bases to either side; for longer sequences set `--config.model.stages=3`.

Hardware: two CPU cores, minutes. Expect a test AUROC of 0.846 to 0.866 on 70 bp human core
promoters, three seeds, where a tuned k-mer SVM has 0.873; on 250 bp around transcript starts, with
`stages=3`, it has 0.672 to 0.719, below logistic regression on (position, base), 0.848: it reads
what is in a row and not where (experiments/017_promoter_tasks).

genojax train --config=small_set --config.tasks.labels.data.path=FILE --workdir=runs/labels
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import dilated_cnn


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=dilated_cnn.DilatedCnnConfig(stages=0, width=64, depth=6, inner=32, dropout=0.2),
            tokenizer=experiment.TokenizerConfig('nucleotide', 1),
            optim=experiment.OptimConfig(peak=2e-3, warmup=50, weight_decay=0.05),
            tasks={
                'labels': tasks.ClassificationConfig(
                    classes=2,
                    dropout=0.2,
                    data=tasks.LabelledDataConfig(batch_size=64, reverse_complement=True),
                )
            },
            steps=1_000,
            log_every=50,
            validate_every=50,
            save_every=250,
        )
    )
