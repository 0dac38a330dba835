"""A zoo: small real programs whose truth is known, to measure the leak detector with.

Half of them leak, and say on which line; half hold connections long, oddly, but by right.
`python -m benchmarks.zoo` prints how well the detector tells them apart.
"""
