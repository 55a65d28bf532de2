"""Arrays of a graph → a trained model and everybody's profile. Knows no store and no loader."""

import os

# A thread that waits must not spin: on shared cores each small step would wait out the spinner's
# time slice, which makes the tests ten times as slow. OpenMP reads this when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
