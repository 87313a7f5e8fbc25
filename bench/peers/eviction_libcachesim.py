"""libCacheSim's side of bench/eviction.py: `replay TRACE POLICY ENTRIES` on a line, the number of hits on
the next. A process of its own, because libCacheSim is GPL.

Its S3-FIFO has the parameters of the paper: a small queue of a tenth, ghosts for nine tenths, into the
main queue at the second hit, a counter that ends at 3.
"""

import sys

import libcachesim

POLICIES = {
    "lru": libcachesim.LRU,
    "lfu": libcachesim.LFU,
    "fifo": libcachesim.FIFO,
    "s3-fifo": libcachesim.S3FIFO,
    "w-tinylfu": libcachesim.WTinyLFU,
    "arc": libcachesim.ARC,
    "sieve": libcachesim.Sieve,
    "belady": libcachesim.Belady,
}

for line in sys.stdin:
    _, path, policy, entries = line.split()
    reader = libcachesim.TraceReader(path, libcachesim.TraceType.ORACLE_GENERAL_TRACE)
    cache = POLICIES[policy](cache_size=int(entries), hashpower=17)
    missed, _ = cache.process_trace(reader)
    print(round((1 - missed) * reader.get_num_of_req()), flush=True)
