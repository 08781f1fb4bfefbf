"""Small weights and batches that reveal differences.

No norm and no bias has its initial value; rows have unequal lengths, a run of N and masked tokens.
"""

import pathlib
import re
import sys
import types
import zlib

import numpy as np

# Tokens of each row, special ones included; the longest is a prime, so that no block divides it.
LENGTHS = (29, 17, 6)


def value(name: str, shape: tuple[int, ...], fan_in_axis: int = -1) -> np.ndarray:
    """Random weights that depend on the name, in float16, so that the file holds what was run."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = rng.standard_normal(shape)
    if len(shape) == 1:
        is_scale = re.search(r'norm.*(weight|scale)$', name, re.IGNORECASE)
        x = 1 + 0.2 * x if is_scale else 0.2 * x
    elif 'embed' not in name:
        x *= 1.3 / np.sqrt(shape[fan_in_axis])  # attention that is neither flat nor one-hot
    return x.astype(np.float16)


def rows(
    vocab: int,
    specials: int,
    pad: int,
    first: int,
    last: int | None,
    unknown: int,
    mask: int,
    lengths: tuple[int, ...] = LENGTHS,
) -> np.ndarray:
    """Padded rows of ids [B, T]: `first`, random tokens, a run of `unknown`, some `mask`, `last`.

    Args:
        vocab: number of ids.
        specials: number of special ids, which come first.
        pad: id of padding.
        first: id at the start of a row.
        last: id at its end; None for families without one.
        unknown: id of unknown bases.
        mask: id of masked tokens.
        lengths: tokens of each row.
    """
    rng = np.random.default_rng(len(lengths) * 1000 + max(lengths))
    tokens = np.full((len(lengths), max(lengths)), pad, np.int32)
    for row, length in zip(tokens, lengths, strict=True):
        row[:length] = rng.integers(specials, vocab, length)
        row[0] = first
        row[2] = mask
        if length > 15:
            row[5:11] = unknown
            row[[12, 14]] = mask
        if last is not None:
            row[length - 1] = last
    return tokens


def randomise(module) -> dict[str, np.ndarray]:
    """Sets every parameter of a torch module to random values; returns its state dict, float16."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(
                torch.from_numpy(value(name, tuple(parameter.shape)).astype(np.float32))
            )
    module.eval()
    return {
        name: tensor.numpy().astype(np.float16)
        for name, tensor in module.state_dict().items()
        if tensor.is_floating_point()
    }


def record_outputs(**modules) -> dict[str, list]:
    """Records the outputs of torch modules from now on: name -> list of outputs, one per call."""
    outputs: dict[str, list] = {name: [] for name in modules}

    def record(name):
        def hook(module, args, output):
            first = output[0] if isinstance(output, tuple) else output
            outputs[name].append(first.detach().numpy())

        return hook

    for name, module in modules.items():
        module.register_forward_hook(record(name))
    return outputs


def padded(rows: list[np.ndarray], length: int) -> np.ndarray:
    """Rows of [1, T_i, D] each as one array [B, T, D], zero after their ends."""
    return np.concatenate(
        [np.pad(x, [(0, 0), (0, length - x.shape[1]), (0, 0)]) for x in rows]
    ).astype(np.float32)


def package(name: str, folder: pathlib.Path) -> None:
    """Makes a folder of code importable as the package `name`, without its __init__."""
    if not folder.is_dir():
        raise SystemExit(
            f'{folder} does not exist. Fix: --originals=DIR, with clones of the originals'
        )
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module
