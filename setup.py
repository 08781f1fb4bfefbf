"""Installs genojax; `pip install -e .[dev]` for work on it."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'genojax/__init__.py').read_text())[1]

setup(
    name='genojax',
    version=VERSION,
    description='JAX/Flax genomic foundation models, from genomes to a report',
    long_description=(HERE / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    # The named configs travel inside the package, where `--config=NAME` finds them.
    packages=[*find_packages(include=['genojax', 'genojax.*']), 'genojax.configs'],
    package_dir={'genojax': 'genojax', 'genojax.configs': 'configs'},
    package_data={'genojax.report': ['*.css']},
    install_requires=[
        'jax>=0.10.2,<0.13',
        'flax>=0.12.8,<0.13',
        'optax>=0.2.8,<0.3',
        'orbax-checkpoint>=0.12.8,<1',
        'grain>=0.2.18,<0.3',
        "array-record>=0.8.3; sys_platform == 'linux'",
        'tensorflow-datasets>=4.9.10,<5',
        'importlib_resources',  # tensorflow-datasets imports it without saying so
        'ml-collections>=1.1',
        'absl-py>=2.3',
        'fsspec>=2024.10',  # etils[epath] has it too
        'numpy>=2.0',
        'rich>=13',
        'matplotlib>=3.9',
        'scikit-learn>=1.5',
        'scipy>=1.13',
        'threadpoolctl>=3.1',
        'pyarrow>=15',
    ],
    extras_require={
        'dev': [
            'pytest>=8',
            'pytest-xdist>=3.6',
            'pytest-timeout>=2.3',
            'hypothesis>=6.100',
            # Shapes in annotations are checked while tests run.
            'jaxtyping>=0.3.11',
            'beartype>=0.19',
            'pyyaml>=6',
            'safetensors>=0.8',
            'tensorboardX>=2.6',
            'ruff==0.17.6',
            'pybigtools>=0.2.4',
            'h5py>=3.10',
            'tokenizers>=0.20',
            # A local S3 server, and what reads it.
            'moto[s3]>=5',
            'flask',
            'flask-cors',
            's3fs>=2024.10',
            # The notebooks are executed.
            'nbclient>=0.10',
            'ipykernel>=6.29',
        ],
        # The pages of .github/docs.
        'docs': ['sphinx>=8', 'myst-parser>=4'],
        # Peers to measure against, and originals to compare with. The newest transformers have no
        # Flax models.
        'bench': [
            'torch==2.13.0',
            'transformers==4.56.2',
            'tokenizers>=0.20',
            'enformer-pytorch==0.8.12',
            'dm-haiku==0.0.17',
            'joblib',
            'pytest>=8',
            'pytest-xdist>=3.6',
            'pytest-timeout>=2.3',
            'hypothesis>=6.100',
            'jaxtyping>=0.3.11',
            'beartype>=0.19',
            'safetensors>=0.8',
            'tensorboardX>=2.6',
        ],
        # Published weights, and the tokenizer files of some of them (DNABERT-2, GENA-LM).
        'weights': ['safetensors>=0.8', 'tokenizers>=0.20'],
        # Reading torch's own .bin files, weights only.
        'convert': ['torch>=2.6'],
        # Training logs as TensorBoard events too.
        'tensorboard': ['tensorboardX>=2.6'],
        # Byte-pair encoding by a tokenizer.json alone.
        'bpe': ['tokenizers>=0.20'],
        # Coverage tracks as bigWig files.
        'tracks': ['pybigtools>=0.2.4'],
        # Hi-C matrices as .cool and .mcool files.
        'hic': ['h5py>=3.10'],
        # Runs and shards in buckets: --workdir=s3://BUCKET/RUN, gs://BUCKET/RUN.
        's3': ['s3fs>=2024.10'],
        'gcs': ['gcsfs>=2024.10'],
        # Genomes to shards by a cluster: ingest --beam=OPTIONS.
        'beam': ['apache-beam>=2.70'],
        'tpu': ['jax[tpu]'],
        'cuda': ['jax[cuda12]'],
    },
    entry_points={'console_scripts': ['genojax = genojax.cli.main:main']},
)
