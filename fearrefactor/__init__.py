"""Fear ReFactor: a distributed batch job that masks what people must not see in videos."""

import os

__version__ = "0.1.0"

# numpy's matrices are small here, and a worker has one core. With more threads OpenBLAS spins
# between two frames: on two cores that doubled the CPU time of detection. Read at numpy's import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
