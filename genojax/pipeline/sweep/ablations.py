"""The sweep that the ablations of pretraining share: the demo's network, or DNABERT on a pod."""

from collections.abc import Mapping
from typing import Any

from genojax.pipeline.sweep import spec

VARIANTS = ('simulated', 'real', 'pod')
_SHARDS = 'tasks.masked_lm.data.shards'
_STEPS = {'steps': 300, 'validate_every': 150}


def pretraining(variant: str, arms: Mapping[str, Mapping[str, Any]], **fields: Any) -> spec.Sweep:
    """Masked language models that differ in fields of the config.

    Args:
        variant: 'simulated': the demo's network on a simulated clade; 'real': on the real genomes
            of $GENOJAX_DATA; 'pod': DNABERT at full size, on shards that
            --config.tasks.masked_lm.data.shards names.
        arms: fields that differ from the config, by name; the first is the reference.
        fields: of `Sweep`, in place of those here.
    """
    config, steps = ('dnabert:k6', {}) if variant == 'pod' else ('demo', _STEPS)
    data = {
        'simulated': spec.simulated(_SHARDS),
        'real': spec.ingested(_SHARDS, '$GENOJAX_DATA/embed_default'),
    }
    shared = {
        'limit': 2000,
        'metrics': ('masked_lm/all/model', 'masked_lm/without_training_kmer/model'),
        'data': data.get(variant),
    }
    return spec.Sweep(
        arms={name: spec.Arm(config, {**steps, **changed}) for name, changed in arms.items()},
        **{**shared, **fields},
    )
