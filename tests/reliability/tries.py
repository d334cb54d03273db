"""The tries of the reliability page: what each does to a run, and what must come of it."""

from __future__ import annotations

from typing import Final

#: By number: what is done, and what must hold beyond the invariants.
TRIES: Final = {
    1: ("10,000 tiny videos", "all done; the driver's memory grows by less than 1 MB per 1,000"),
    2: ("one video among many that kills its process each time", "all others done, one `poison`"),
    3: ("a video that exhausts memory", "at most 3 attempts; its neighbours are done"),
    4: ("a video that hangs", "killed within its time and 5 s"),
    5: ("a node killed (SIGKILL of a raylet) at half", "0 failed; done again ≤ in flight there"),
    6: ("a random worker killed again and again", "0 failed"),
    7: ("a node drained, then killed", "0 failed"),
    8: ("the driver killed; the same command again", "all done rows reused"),
    9: ("the head of the cluster lost; the job submitted again", "all done rows reused"),
    10: ("the driver killed at each point of the protocol", "each converges in one rerun"),
    11: ("the reply to each write on S3 dropped after it took effect", "0 failed, 0 doubles"),
    12: ("503 SlowDown on a fifth of all calls", "0 failed; calls ≤ twice"),
    13: ("S3 dark for a while", "goes on by itself; 0 failed"),
    14: ("replies of S3 cut short or with a bit flipped", "all detected"),
    15: ("a source overwritten during the run", "the pinned version or failed; never mixed"),
    16: ("the same manifest in two jobs at once", "one result each; doubled model work ≤ 5 %"),
    17: ("30 % duplicate rows", "model work = unique rows"),
    18: ("malformed rows", "a code for each, the others done"),
    19: ("a full disk", "coded failure; the node goes on"),
    20: ("Ray's object store as small as it can be", "0 lost"),
    21: ("the clock off by an hour", "the same outcome"),
    22: ("results delayed and shuffled", "the same frames"),
    23: ("a model that raises, answers NaN, nothing, wrong shapes, too few, zeros", "0 published"),
    24: ("hostile uploads", "0 files opened, 0 requests made"),
    25: ("sabotage: no mask, a lost frame, no verifier, a cover copied", "4 of 4 caught"),
    26: ("a quarter of Ray's calls lost", "0 failed"),
    27: ("a soak", "memory and open files do not grow; throughput within 5 %"),
    28: ("a store without create-only writes", "refused before any work; 0 objects"),
}
