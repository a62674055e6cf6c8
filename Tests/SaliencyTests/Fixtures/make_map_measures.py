#!/usr/bin/env python3
"""Writes map_measures.json beside this script with numpy: the border share, the agreement of the most salient pixels and the
share in one cell of a grid, for maps made by a formula. It is written from the measures' definitions and uses nothing of metasal.

Map number m is a[i, j] = sin(0.9 i + 0.4 j m + m) + 0.3 cos(1.7 i j + m), h×w. Maps that are measured at a larger size are resized
bilinearly, with pixels' centers at half numbers and the outermost values beyond them, as PyTorch does with align_corners=False. Tied maps
are relu(a - 0.4) before resizing by repetition, so that most pixels are exactly 0.
"""
import json, pathlib
import numpy as np


def made(m, h, w):
    i, j = np.meshgrid(np.arange(h), np.arange(w), indexing="ij")
    return np.sin(0.9 * i + 0.4 * j * m + m) + 0.3 * np.cos(1.7 * i * j + m)


def resized(a, height, width):
    def table(inputs, outputs):
        t = np.zeros((outputs, inputs))
        for o in range(outputs):
            x = (o + 0.5) * inputs / outputs - 0.5
            low = int(np.floor(x))
            for index, share in ((low, 1 - (x - low)), (low + 1, x - low)):
                t[o, min(max(index, 0), inputs - 1)] += share
        return t

    return table(a.shape[0], height) @ a @ table(a.shape[1], width).T


def border(a):
    p = np.maximum(a, 0)
    return 1 - p[1:-1, 1:-1].sum() / p.sum()


def belongs(a, k):
    """The share of each pixel in the k largest; ties across the k-th place share what is left of it."""
    least = np.sort(a.ravel())[::-1][k - 1]
    above, tied = a > least, a == least
    return above + tied * (k - above.sum()) / tied.sum()


def agreement(a, b, share):
    k = max(1, int(np.floor(a.size * share + 0.5)))
    return np.minimum(belongs(a, k), belongs(b, k)).sum() / k


def cell(a, row, column, rows, columns):
    p, h, w = np.maximum(a, 0), a.shape[0] // rows, a.shape[1] // columns
    return p[row * h : (row + 1) * h, column * w : (column + 1) * w].sum() / p.sum()


maps = [made(m, 5, 7) for m in range(4)]
large = [resized(a, 20, 28) for a in maps]
tied = [np.maximum(a - 0.4, 0).repeat(2, 0).repeat(2, 1) for a in maps]
out = {
    "border": [border(a) for a in maps],
    "agreement": [agreement(large[0], b, share) for b in large[1:] for share in (0.05, 0.1, 0.37)],
    "tied": [agreement(tied[0], b, share) for b in tied[1:] for share in (0.05, 0.37, 0.8)],
    "cells": [cell(a, row, column, 2, 4) for a in large for row in range(2) for column in range(4)],
}
pathlib.Path(__file__).with_suffix(".json").with_name("map_measures.json").write_text(json.dumps(out, indent=1) + "\n")
