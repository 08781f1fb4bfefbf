"""Random sequences whose GC content is uniform between 0.1 and 0.9."""

import dataclasses
import hashlib
import json

import numpy as np

from genojax.data.datasets import base


class GcDatasets(base.TaskDatasets):
    """Three splits of independent rows; training reads them in a new order per epoch."""

    def __init__(self, config, seed: int, tokenizer):
        self.config, self.tokenizer = config, tokenizer
        self.codes, self.gc = {}, {}
        for number, split in enumerate(base.SPLITS):
            rng = np.random.default_rng([seed, number])
            share_N = rng.uniform(0.1, 0.9, config.rows)
            strong_NL = rng.random((config.rows, config.length)) < share_N[:, None]
            first_NL = rng.random(strong_NL.shape) < 0.5
            codes_NL = np.where(strong_NL, np.where(first_NL, 1, 2), np.where(first_NL, 0, 3))
            self.codes[split] = codes_NL.astype(np.uint8)
            self.gc[split] = strong_NL.mean(1, dtype=np.float32)
        settings = json.dumps([dataclasses.asdict(config), seed], sort_keys=True)
        self.fingerprint = hashlib.sha256(settings.encode()).hexdigest()
        self.description = {'rows': config.rows, 'length': config.length}
        self.summary = [f'  {config.rows} rows per split']
        self._order = base.RowOrder(seed, shuffle=901, flip=902, shift=903)

    def train(self, start_step=0, shard=base.ONE_HOST):
        position_B = shard.rows(self.config.batch_size)
        return self._train(start_step, position_B)

    def _train(self, step, position_B):
        while True:
            draw_B = step * self.config.batch_size + position_B
            row_B = self._order.rows(draw_B, self.config.rows)
            yield self._batch('train', row_B, np.ones(len(row_B), np.float32))
            step += 1

    def validation(self, shard=base.ONE_HOST):
        return self._in_order('validation', shard)

    def test(self, shard=base.ONE_HOST):
        return self._in_order('test', shard)

    def _in_order(self, split, shard):
        for row_B, weight_B in base.in_order(self.config.rows, self.config.batch_size, shard):
            yield self._batch(split, row_B, weight_B)

    def _batch(self, split, row_B, weight_B):
        codes_BL = self.codes[split][row_B]
        valid_B = np.full(len(row_B), self.config.length)
        return {
            'bases': codes_BL,
            'gc': self.gc[split][row_B],
            'weight': weight_B,
            **self.tokenizer.batch_entries(codes_BL, valid_B),
        }
