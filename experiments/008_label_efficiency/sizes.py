"""What a full, LoRA and probe run of published sizes trains, needs and saves.

python experiments/008_label_efficiency/sizes.py

A classifier of two classes on one device, by shapes alone. Memory is that of parameters, gradients
and optimizer; a checkpoint holds the optimizer too.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from genojax import experiment as experiments
from genojax import models, sharding
from genojax.cli import flags
from genojax.train import modes, resources

CONFIGS = (
    'dnabert2',
    'dnabert:k6',
    'nucleotide_transformer:v2_500m',
    'nucleotide_transformer:v1_2500m',
)


def sizes(name: str) -> dict[str, modes.ModeSize]:
    """The figures of every way of training a config's model with a head of two classes."""
    config = experiments.from_config(flags.load(name))
    example = jax.ShapeDtypeStruct((1, 8), jnp.int32)
    model = jax.eval_shape(models.build(config.model).init, jax.random.key(0), example)['params']
    head = {
        'kernel': nn.LogicallyPartitioned(
            jax.ShapeDtypeStruct((config.model.width, 2), jnp.float32), ('embed', 'classes')
        ),
        'bias': nn.LogicallyPartitioned(jax.ShapeDtypeStruct((2,), jnp.float32), ('classes',)),
    }
    params = {'model': model, 'heads': {'classes': head}}
    state = experiments.TrainState(step=None, params=params, extra={}, opt_state=None)
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    return modes.sizes(config, state, mesh)


def main() -> None:
    print('| config | way | trained | share | memory | checkpoint | of the model |')
    print('|---|---|---|---|---|---|---|')
    for name in CONFIGS:
        for way, size in sizes(name).items():
            cells = [f'{size.trained:,}', f'{size.share:.2%}', resources.size(size.memory)]
            cells += [resources.size(size.checkpoint), f'{size.checkpoint / size.model:.2%}']
            print(f'| {name} | {way} | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
