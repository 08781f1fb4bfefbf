"""DeepMind's own Enformer (Apache-2.0), run by TensorFlow and Sonnet, and the checkpoint that they write.

python experiments/oracles/write.py enformer_deepmind --originals=DIR
python experiments/oracles/enformer_deepmind.py CHECKPOINT --originals=DIR

The second command lets the original restore a checkpoint of the oracle's model that `genojax convert --format=tf` wrote,
and says how far its outputs are from the oracle. DIR/dm/enformer is the folder `enformer` of github.com/google-deepmind/deepmind-research. Made with TensorFlow 2.21 and
Sonnet 2.0.2. Three things are changed from outside, none of which touches the arithmetic: which layers take
`is_training` (its own test looks at a signature that this Sonnet hides), the tower's widths (rounded to 1, not 128) and
the number of tracks.
"""

import argparse
import pathlib
import sys
import tempfile

import enformer_tiny as tiny
import numpy as np

KEY_WIDTH = 64  # fixed in the original
DECAY = 0.9  # of its moving averages


def build(originals: pathlib.Path):
    """The original class with random weights and batch-norm statistics, called once so that it has variables."""
    folder = originals / 'dm' / 'enformer'
    if not folder.is_dir():
        raise SystemExit(f'{folder} is not there: --originals names the folder of cloned originals')
    # This file has the name of the original's first module.
    sys.modules.pop('enformer', None)
    sys.path.insert(0, str(folder))
    import attention_module
    import enformer as original
    import sonnet as snt
    import tensorflow as tf

    takes = (
        original.Sequential,
        original.Residual,
        attention_module.MultiheadAttention,
        snt.Dropout,
        snt.distribute.CrossReplicaBatchNorm,
    )
    original.accepts_is_training = lambda module: isinstance(module, takes)
    steps = original.exponential_linspace_int
    original.exponential_linspace_int = lambda start, end, num, divisible_by: steps(start, end, num)
    model = original.Enformer(tiny.WIDTH, tiny.DEPTH, tiny.HEADS)
    model._heads = {
        name: original.Sequential(lambda count=count: [snt.Linear(count), tf.nn.softplus])
        for name, count in tiny.TRACKS.items()
    }
    run(model, tiny.one_hot(tiny.codes(tiny.BINS[0])))
    return model


def settle(model) -> None:
    """Random values for every variable, by the names of the object graph."""
    for name, variable in variables(model).items():
        shape = tuple(variable.shape)
        *path, last = name.split('/')
        if last in ('_hidden', '_counter'):
            continue
        fan_in = int(np.prod(shape[:-1]))
        if last == 'average':
            fan_in = -2 if path[-1] == 'moving_variance' else -1
        elif last in ('b', 'offset'):
            fan_in = -1
        elif last == 'scale':
            fan_in = 0
        elif last.endswith('_bias'):
            fan_in = 2
        variable.assign(tiny.value(name, shape, fan_in))
    for module in model.submodules:
        if hasattr(
            module, '_hidden'
        ):  # a moving average: what is summed, before division by 1 - decay^n
            module._counter.assign(tiny.COUNT)
            module._hidden.assign(module.average * (1 - DECAY**tiny.COUNT))


def variables(model) -> dict:
    """Each variable by its path in the object graph, which is its name in a checkpoint."""
    from tensorflow.python.checkpoint import graph_view

    view = graph_view.ObjectGraphView(model)
    objects, paths = view.breadth_first_traversal()
    return {
        '/'.join(step.name for step in paths[one]): one
        for one in objects
        if hasattr(one, 'assign') and hasattr(one, 'shape')
    }


def run(model, one_hot: np.ndarray) -> dict[str, np.ndarray]:
    """Every head's tracks, and what passed by: stem, tower, each transformer layer, the heads' input."""
    seen = {}
    stem, tower, transformer, crop, final = model.trunk._layers
    crop._target_length = one_hot.shape[1] // 128 - 2 * tiny.CROP
    seen['stem'] = stem(one_hot, is_training=False)
    seen['tower'] = x = tower(seen['stem'], is_training=False)
    for number, block in enumerate(transformer._layers):
        seen[f'layer_{number}'] = x = block(x, is_training=False)
    seen['final'] = final(crop(x), is_training=False)
    for name, found in model(one_hot, is_training=False).items():
        seen[f'tracks_{name}'] = found
    return {name: found.numpy() for name, found in seen.items()}


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    import tensorflow as tf

    model = build(originals or pathlib.Path('.'))
    settle(model)
    found = {**tiny.sizes(), 'key_width': np.int32(KEY_WIDTH)}
    with tempfile.TemporaryDirectory() as scratch:
        tf.train.Checkpoint(module=model).save(f'{scratch}/model')
        for path in sorted(pathlib.Path(scratch).glob('model-1.*')):
            found[f'files/{path.name}'] = np.frombuffer(path.read_bytes(), np.uint8)
    for bins in tiny.BINS:
        codes = tiny.codes(bins)
        seen = run(model, tiny.one_hot(codes))
        seen['stem'] = seen['stem'][:, :: tiny.STEM_STEP]
        found |= {f'{bins}/{name}': array for name, array in {'codes': codes, **seen}.items()}
    return found


def main() -> None:
    import tensorflow as tf

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('checkpoint', help='PREFIX of the files')
    parser.add_argument('--originals', type=pathlib.Path, required=True)
    parser.add_argument('--oracle', default='tests/convert/oracles/enformer_deepmind.npz')
    arguments = parser.parse_args()
    model = build(arguments.originals)
    status = tf.train.Checkpoint(module=model).restore(arguments.checkpoint)
    status.assert_existing_objects_matched()
    status.assert_consumed()
    with np.load(arguments.oracle) as oracle:
        for bins in tiny.BINS:
            found = run(model, tiny.one_hot(oracle[f'{bins}/codes']))
            for name in ('layer_1', 'tracks_human', 'tracks_mouse'):
                apart = np.abs(found[name] - oracle[f'{bins}/{name}']).max()
                print(f'{bins} bins, {name}: at most {apart:.1e} apart')


if __name__ == '__main__':
    main()
