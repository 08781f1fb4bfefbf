"""enformer-pytorch (Apache-2.0 / MIT, PyPI, 0.8.12), with the gamma basis of DeepMind's code.

python experiments/oracles/write.py enformer

The port divides the gamma basis by its maximum over features. DeepMind's code, which trained the
published weights, divides by the maximum over positions. `fix_gamma` changes the port accordingly.
"""

import pathlib

import enformer_tiny as tiny
import numpy as np

KEY_WIDTH = 8


def fix_gamma() -> None:
    """Divides each feature by its maximum over positions, as in DeepMind's attention_module.py."""
    from enformer_pytorch import modeling_enformer as original

    if getattr(original, 'gamma_is_fixed', False):
        return

    def gamma(positions, features, seq_len, stddev=None, start_mean=None, eps=1e-8, dtype=None):
        import torch

        mean = torch.linspace(seq_len / features, seq_len, features)[None]
        stddev = seq_len / (2 * features)
        density = eps + original.gamma_pdf(
            positions.to(torch.float).abs()[..., None], (mean / stddev) ** 2, mean / stddev**2
        )
        return density / density.amax(dim=0, keepdim=True)

    original.get_positional_features_gamma = gamma
    original.gamma_is_fixed = True


def build():
    """An instance of the original class with random weights and batch-norm statistics."""
    import enformer_pytorch
    import torch

    fix_gamma()
    model = enformer_pytorch.Enformer.from_hparams(
        dim=tiny.WIDTH,
        depth=tiny.DEPTH,
        heads=tiny.HEADS,
        output_heads=tiny.TRACKS,
        target_length=tiny.BINS[0] - 2 * tiny.CROP,
        attn_dim_key=KEY_WIDTH,
        dim_divisible_by=1,
    )
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith('num_batches_tracked'):
                tensor.fill_(tiny.COUNT)
            elif not name.startswith('_trunk.'):  # other names of the same tensors
                tensor.copy_(
                    torch.from_numpy(tiny.value(name, tuple(tensor.shape), _fan_in(name, tensor)))
                )
    return model.eval()


def _fan_in(name: str, tensor) -> int:
    if name.endswith('running_var'):
        return -2
    if tensor.ndim == 1:
        return 0 if name.endswith('weight') else -1
    if '_bias' in name:
        return 2
    return int(np.prod(tensor.shape[1:]))


def run(model, one_hot: np.ndarray) -> dict[str, np.ndarray]:
    """The tracks of every head, and outputs of stem, tower, transformer layers and last block."""
    import torch

    activations = {}

    def record(name, transposed=False):
        def hook(module, args, output):
            x = output.detach().numpy()
            activations[name] = x.transpose(0, 2, 1) if transposed else x

        return hook

    hooks = [
        model.stem.register_forward_hook(record('stem', True)),
        model.conv_tower.register_forward_hook(record('tower', True)),
        model.final_pointwise.register_forward_hook(record('final')),
        *(
            block.register_forward_hook(record(f'layer_{number}'))
            for number, block in enumerate(model.transformer)
        ),
    ]
    bins = one_hot.shape[1] // 128
    with torch.no_grad():
        heads = model(torch.from_numpy(one_hot), target_length=bins - 2 * tiny.CROP)
    for hook in hooks:
        hook.remove()
    return {**activations, **{f'tracks_{name}': x.numpy() for name, x in heads.items()}}


def make(originals: pathlib.Path | None) -> dict[str, np.ndarray]:
    """The arrays of the oracle."""
    model = build()
    oracle = {**tiny.sizes(), 'key_width': np.int32(KEY_WIDTH)}
    for name, tensor in model.state_dict().items():
        if not name.startswith('_trunk.'):
            array = tensor.numpy()
            oracle[f'weights/{name}'] = (
                array if array.dtype == np.int64 else array.astype(np.float16)
            )
    for bins in tiny.BINS:
        codes = tiny.codes(bins)
        activations = run(model, tiny.one_hot(codes))
        activations['stem'] = activations['stem'][:, :: tiny.STEM_STEP]
        oracle[f'{bins}/codes'] = codes
        oracle |= {f'{bins}/{name}': array for name, array in activations.items()}
    return oracle
