#!/usr/bin/env python3
"""Writes tests/reference/assignment_golden.txt: optimal assignment objectives by scipy.optimize.linear_sum_assignment.

Line: kind n seed objective. tests/core/align/test_assignment.cpp draws the same matrices from the same linear congruential generator
(Numerical Recipes' constants, upper 24 bits), so that no matrix has to be stored.
    python3 tests/reference/assignment_golden.py > tests/reference/assignment_golden.txt
"""
import numpy as np
from scipy.optimize import linear_sum_assignment


def draws(count, seed):
    state, values = seed, np.empty(count, dtype=np.float32)
    for index in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[index] = (state >> 8) / 2**24
    return values


def matrix(kind, n, seed):
    if kind == "product":  # rank one: heavily degenerate duals
        values = draws(2 * n, seed)
        return np.outer(values[:n], values[n:])
    costs = draws(n * n, seed).reshape(n, n)
    return np.floor(costs * 16) / 16 if kind == "ties" else costs


for kind in ("uniform", "ties", "product"):
    for n in (1, 2, 10, 64, 255, 256, 300, 500):
        costs = matrix(kind, n, 1000 + n)
        rows, columns = linear_sum_assignment(costs)
        print(kind, n, 1000 + n, repr(float(costs[rows, columns].astype(np.float64).sum())))
