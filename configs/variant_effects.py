"""Effects of labelled variants: a probe on the vectors of a pretrained encoder, beside baselines.

The encoder is that of `demo`; for another one give its `--config.model` and `--config.tokenizer`.
The head trains on the frozen encoder; `--config.optim.train=full` or `lora` trains the encoder too.

Hardware: two CPU cores, seconds; evaluation fits forests and probes, minutes. On saturation editing
of BRCA1 expect an AUROC of 0.887 of the forest on annotation, leaving out one exon after the other
(experiments/014_variants has all figures).

genojax train --config=variant_effects --config.tasks.variants.data.path=FILE \\
    --config.tasks.variants.data.fasta=GENOME --config.tasks.variants.data.annotation=GTF \\
    --config.init_from=runs/pretrain --workdir=runs/variants
"""

import ml_collections

from genojax import experiment, tasks
from genojax.models import bert
from genojax.optim import trainable


def get_config() -> ml_collections.ConfigDict:
    return experiment.to_config(
        experiment.Experiment(
            model=bert.BertConfig(
                vocab=69,  # 64 3-mers and 5 special tokens
                width=64,
                depth=2,
                heads=2,
                inner=256,
                max_tokens=512,
                dropout=0.0,
                attention_dropout=0.0,
                unroll=2,
            ),
            tokenizer=experiment.TokenizerConfig('kmer', 3),
            optim=experiment.OptimConfig(peak=1e-3, warmup=20, train=trainable.ProbeTraining()),
            tasks={'variants': tasks.VariantEffectsConfig()},
            steps=300,
            log_every=50,
            validate_every=50,
            save_every=300,
        )
    )
