"""Small checkpoints written by TensorFlow, for the tests of `genojax.convert.tf_bundle`.

python experiments/oracles/write.py tf_bundle    (needs tensorflow; the oracle was made with 2.21)

    variety   one variable of each type, a scalar, an empty tensor, strings
    merged    two checkpoints merged, so two shards
    blocks    long names, so an index of several blocks
    sliced    half a tensor, which the reader refuses
"""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf

TYPES = (
    'float32 float64 int32 uint8 int16 int8 complex64 int64 bool bfloat16 uint16 complex128 '
    'float16 uint32 uint64 float8_e5m2 float8_e4m3fn'
).split()


def variety(folder: pathlib.Path) -> None:
    values = np.arange(6).reshape(2, 3)
    variables = {
        kind: tf.Variable(values.astype(tf.as_dtype(kind).as_numpy_dtype)) for kind in TYPES
    }
    variables['strings'] = tf.Variable(np.array([b'A', b'', b'ACGT' * 50], object))
    variables['scalar'] = tf.Variable(3.5)
    variables['negative'] = tf.Variable(-1, dtype=tf.int32)
    variables['empty'] = tf.Variable(np.zeros((0, 4), np.float32))
    tf.train.Checkpoint(of=variables).write(str(folder / 'variety'))


def merged(folder: pathlib.Path) -> None:
    parts = []
    for number, names in enumerate((['b', 'd'], ['a', 'c'])):
        parts.append(str(folder / f'part{number}'))
        tensors = [tf.fill([2], float(ord(name))) for name in names]
        tf.raw_ops.SaveV2(
            prefix=parts[-1], tensor_names=names, shape_and_slices=[''] * 2, tensors=tensors
        )
    tf.raw_ops.MergeV2Checkpoints(
        checkpoint_prefixes=parts, destination_prefix=str(folder / 'merged')
    )


def blocks(folder: pathlib.Path) -> None:
    names = [f'{number:03d}' + 'x' * 997 for number in range(600)]
    tf.raw_ops.SaveV2(
        prefix=str(folder / 'blocks'),
        tensor_names=names,
        shape_and_slices=[''] * len(names),
        tensors=[tf.constant(number, tf.int32) for number in range(len(names))],
    )


def sliced(folder: pathlib.Path) -> None:
    tf.raw_ops.SaveV2(
        prefix=str(folder / 'sliced'),
        tensor_names=['halves'],
        shape_and_slices=['4 0,2'],
        tensors=[tf.zeros([2])],
    )


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    """The bytes of each file by its name."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for write in (variety, merged, blocks, sliced):
            write(folder)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        return {path.name: np.frombuffer(path.read_bytes(), np.uint8) for path in files}
