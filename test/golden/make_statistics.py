"""Writes test/unit/core/statistics/fixtures/scipy.json: reference values of SciPy for the statistics of comparisons."""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(20260101)
out = {"scipy": scipy.__version__, "numpy": np.__version__}

out["critical"] = [
    {"degrees": d, "confidence": c, "t": float(stats.t.ppf((1 + c) / 2, d))}
    for d in [1, 2, 2.5, 3, 4, 7.3, 10, 29, 30, 100, 1000, 1e6]
    for c in [0.5, 0.9, 0.95, 0.99, 0.9999]
]
out["twoSided"] = [
    {"degrees": d, "t": t, "p": float(2 * stats.t.sf(abs(t), d))}
    for d in [1, 2, 3.7, 5, 20, 250, 1e5]
    for t in [0.0, 1e-6, 0.1, 0.7, 1.0, -2.0, 3.5, 8.0, 30.0, 1000.0]
]

cases = []
for n, m, shift, wide in [(2, 2, 0.1, 1), (3, 5, 0.02, 3), (5, 5, 0.05, 1), (8, 3, 1, 10), (40, 60, 0.001, 0.2), (5, 5, 0, 1e300)]:
    a = rng.normal(2.3, 0.02 * wide, n)
    b = rng.normal(2.3 + shift, 0.02, m)
    if wide > 1e100:
        a, b = rng.normal(0, 1e300, n), rng.normal(5e299, 1e300, m)
    scale = max(np.abs(a).max(), np.abs(b).max())
    # SciPy squares: values near the largest number are tested in a smaller unit, to which the test is indifferent.
    unit = scale if wide > 1e100 else 1.0
    a1, b1 = a / unit, b / unit
    r = stats.ttest_ind(b1, a1, equal_var=False)
    ci = r.confidence_interval(0.95)
    case = {
        "a": a.tolist(),
        "b": b.tolist(),
        "mean": float(np.mean(a1) * unit),
        "deviation": float(np.std(a1, ddof=1) * unit),
        "median": float(np.median(a)),
        "half": float((stats.t.interval(0.95, n - 1, np.mean(a1), stats.sem(a1))[1] - np.mean(a1)) * unit),
        "welch": {"difference": float((np.mean(b1) - np.mean(a1)) * unit), "p": float(r.pvalue), "degrees": float(r.df), "low": float(ci.low * unit), "high": float(ci.high * unit)},
    }
    if n == m:
        r = stats.ttest_rel(b1, a1)
        ci = r.confidence_interval(0.95)
        case["paired"] = {"difference": float(np.mean(b1 - a1) * unit), "p": float(r.pvalue), "degrees": float(r.df), "low": float(ci.low * unit), "high": float(ci.high * unit)}
    cases.append(case)
out["cases"] = cases

values = rng.normal(2.3, 0.05, 12)
ci = stats.bootstrap((values,), np.mean, n_resamples=200_000, method="percentile", rng=rng).confidence_interval
out["bootstrap"] = {"values": values.tolist(), "low": float(ci.low), "high": float(ci.high)}

path = pathlib.Path(__file__).parents[1] / "unit/core/statistics/fixtures/scipy.json"
path.write_text(json.dumps(out, indent=1) + "\n")
