"""Experiments on users: who is in which arm, and what the arms did."""
