"""Object stores ('gs://…', 's3://…'): a run, a model or shards in a bucket, as local folders.

Every path in this package is a local copy (`staging`); a run's copy and its bucket are kept equal
while it trains (`mirror`), in an order in which the bucket always holds a whole run.
"""

from genojax.stores.bucket import is_url
from genojax.stores.staging import local

__all__ = ['is_url', 'local']
