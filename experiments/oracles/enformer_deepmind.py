"""DeepMind's Enformer (Apache-2.0), run by TensorFlow and Sonnet, and a checkpoint that they write.

python experiments/oracles/write.py enformer_deepmind --originals=DIR
python experiments/oracles/enformer_deepmind.py CHECKPOINT --originals=DIR

The second command restores a checkpoint of the oracle's model, written by `genojax convert
--format=tf`, in the original code, and prints how far its outputs are from the oracle.
DIR/dm/enformer is the folder `enformer` of github.com/google-deepmind/deepmind-research. The oracle
was made with TensorFlow 2.21 and Sonnet 2.0.2. Three things of the original are replaced, none of
them arithmetic: which layers take `is_training` (its own test reads a signature that this Sonnet
hides), the widths of the tower (rounded to 1, not to 128) and the number of tracks.
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
    """An instance of the original class, called once so that its variables exist."""
    folder = originals / 'dm' / 'enformer'
    if not folder.is_dir():
        raise SystemExit(
            f'{folder} does not exist. Fix: --originals=DIR, with clones of the originals'
        )
    # Another script of this folder has the name of a module of the original.
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


def randomise(model) -> None:
    """Assigns random values to every variable; they depend on its name in the object graph."""
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
        if hasattr(module, '_hidden'):  # a moving average: its sum, before division by 1 - decay^n
            module._counter.assign(tiny.COUNT)
            module._hidden.assign(module.average * (1 - DECAY**tiny.COUNT))


def variables(model) -> dict:
    """The variables by their paths in the object graph, which are their names in a checkpoint."""
    from tensorflow.python.checkpoint import graph_view

    view = graph_view.ObjectGraphView(model)
    objects, paths = view.breadth_first_traversal()
    return {
        '/'.join(step.name for step in paths[variable]): variable
        for variable in objects
        if hasattr(variable, 'assign') and hasattr(variable, 'shape')
    }


def run(model, one_hot: np.ndarray) -> dict[str, np.ndarray]:
    """The tracks of every head, and outputs of stem, tower, transformer layers and last block."""
    activations = {}
    stem, tower, transformer, crop, final = model.trunk._layers
    crop._target_length = one_hot.shape[1] // 128 - 2 * tiny.CROP
    activations['stem'] = stem(one_hot, is_training=False)
    activations['tower'] = x = tower(activations['stem'], is_training=False)
    for number, block in enumerate(transformer._layers):
        activations[f'layer_{number}'] = x = block(x, is_training=False)
    activations['final'] = final(crop(x), is_training=False)
    for name, tracks in model(one_hot, is_training=False).items():
        activations[f'tracks_{name}'] = tracks
    return {name: x.numpy() for name, x in activations.items()}


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    """The arrays of the oracle."""
    import tensorflow as tf

    model = build(originals or pathlib.Path('.'))
    randomise(model)
    oracle = {**tiny.sizes(), 'key_width': np.int32(KEY_WIDTH)}
    with tempfile.TemporaryDirectory() as scratch:
        tf.train.Checkpoint(module=model).save(f'{scratch}/model')
        for path in sorted(pathlib.Path(scratch).glob('model-1.*')):
            oracle[f'files/{path.name}'] = np.frombuffer(path.read_bytes(), np.uint8)
    for bins in tiny.BINS:
        codes = tiny.codes(bins)
        activations = run(model, tiny.one_hot(codes))
        activations['stem'] = activations['stem'][:, :: tiny.STEM_STEP]
        oracle[f'{bins}/codes'] = codes
        oracle |= {f'{bins}/{name}': array for name, array in activations.items()}
    return oracle


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
            outputs = run(model, tiny.one_hot(oracle[f'{bins}/codes']))
            for name in ('layer_1', 'tracks_human', 'tracks_mouse'):
                difference = np.abs(outputs[name] - oracle[f'{bins}/{name}']).max()
                print(f'{bins} bins, {name}: largest difference {difference:.1e}')


if __name__ == '__main__':
    main()
