"""Kindstore beside its peers: one interleaved run, equal durability, ratios to a hand-written floor.

`python -m bench` runs it; `docs/performance.md` says how to read what it prints.
"""
