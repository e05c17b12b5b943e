#!/usr/bin/env python3
"""Writes the vectors beside it: what numpy and scipy say, or what the definition says when neither does.

    python3 -m venv venv && venv/bin/pip install scipy && venv/bin/python make.py

The data are small and fixed by a seed; quantities that scipy has no function for (the Hodges-Lehmann
shift, Cliff's delta, Holm's correction) are computed here by brute force from their definitions.
"""
import itertools
import json
import pathlib

import numpy as np
import scipy
from scipy import stats

HERE = pathlib.Path(__file__).parent
LEVEL = 0.95


def special():
    out = {"normal_tail": [], "normal_quantile": [], "t_tails": [], "t_critical": [], "binomial": []}
    for z in [-8.0, -3.3, -1.0, -0.1, 0.0, 0.5, 1.959963984540054, 4.0, 10.0, 30.0]:
        out["normal_tail"].append([z, stats.norm.sf(z)])
    for p in [1e-300, 1e-20, 1e-9, 1e-4, 0.02, 0.074, 0.076, 0.3, 0.5, 0.7, 0.95, 0.975, 0.9999999]:
        out["normal_quantile"].append([p, stats.norm.ppf(p)])
    for freedom in [1, 2, 3, 7, 30, 149, 201, 5000, 999999]:
        for t in [0.01, 0.7, 2.0, 5.5, 30.0]:
            out["t_tails"].append([t, freedom, 2 * stats.t.sf(t, freedom)])
        for alpha in [0.9, 0.1, 0.05, 0.01, 1e-4]:
            out["t_critical"].append([alpha, freedom, stats.t.isf(alpha / 2, freedom)])
    for n in [1, 5, 20, 368, 1000, 100000, 1000000]:
        for p in [0.5, 0.25, 0.99]:
            for share in [0.025, 0.5, 0.975]:
                k = int(stats.binom.ppf(share, n, p))
                out["binomial"].append([n, p, share, k, stats.binom.cdf(k, n, p)])
    return out


def data():
    rng = np.random.default_rng(20260131)
    return {
        "one": [4.25],
        "two": [3.0, 1.5],
        "constant": [7.0] * 9,
        "small": [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3],
        "mostly one value": [10.0] * 30 + [11.0, 12.0, 9.0, 55.0],
        "large offset": (1e9 + rng.integers(0, 1000, 200) / 8).tolist(),
        "normal": rng.normal(100, 15, 500).round(6).tolist(),
        "skewed": rng.lognormal(4, 1.2, 700).round(6).tolist(),
        "whole": rng.poisson(6, 400).astype(float).tolist(),
    }


def spread_for_outliers(x):
    mad = stats.median_abs_deviation(x, scale="normal")
    if mad > 0:
        return mad
    return np.sqrt(np.pi / 2) * np.mean(np.abs(x - np.median(x)))


def describe(name, values):
    x = np.array(values)
    q1, median, q3, p99 = np.quantile(x, [0.25, 0.5, 0.75, 0.99], method="linear")
    iqr = q3 - q1
    spread = spread_for_outliers(x)
    outside = lambda k: int(np.sum((x < q1 - k * iqr) | (x > q3 + k * iqr)))
    result = {
        "name": name,
        "samples": values,
        "min": x.min(), "q1": q1, "median": median, "q3": q3, "p99": p99, "max": x.max(),
        "mean": float(np.sum(x.astype(np.longdouble)) / len(x)),
        "sd": float(np.std(x.astype(np.longdouble), ddof=1)) if len(x) > 1 else None,
        "tukey": outside(1.5), "tukey_far": outside(3.0),
        "mad": int(np.sum(np.abs(x - median) > 3.5 * spread)) if spread > 0 else 0,
        "mean_interval": None, "median_interval": None, "p99_interval": None,
    }
    if len(x) > 1 and np.ptp(x) > 0:
        xl = x - np.floor(x.min())
        interval = stats.t.interval(LEVEL, len(x) - 1, loc=xl.mean(), scale=stats.sem(xl))
        result["mean_interval"] = [v + np.floor(x.min()) for v in interval]
    for key, p in [("median_interval", 0.5), ("p99_interval", 0.99)]:
        interval = stats.quantile_test(x, q=np.quantile(x, p), p=p).confidence_interval(LEVEL)
        if np.all(np.isfinite(interval)):
            result[key] = list(interval)
    return result


def autocorrelation(values):
    x = np.array(values) - np.mean(values)
    return float(np.dot(x[:-1], x[1:]) / np.dot(x, x))


def left_out(n, m):
    """How many of the sorted differences lie outside the interval at each end."""
    alpha = (1 - LEVEL) / 2
    if n + m <= 60:
        counts = np.zeros(n * m + 1, dtype=object)
        counts[0] = 1  # Gaussian binomial coefficient, as a product of polynomials
        for i in range(1, n + 1):
            grown = counts.copy()
            for s in range(m + i, n * m + 1):  # times 1 - q^(m+i)
                grown[s] = counts[s] - counts[s - m - i]
            counts = grown
            for s in range(i, n * m + 1):  # by 1 - q^i
                counts[s] += counts[s - i]
        total, below, out = sum(counts), 0, 0
        for ways in counts:
            below += ways
            if below / total > alpha:
                break
            out += 1
        return out
    return max(0, int(np.floor(n * m / 2 - stats.norm.isf(alpha) * np.sqrt(n * m * (n + m + 1) / 12))))


def pair(name, x, y):
    x, y = np.array(x), np.array(y)
    n, m = len(x), len(y)
    differences = np.sort(np.subtract.outer(x, y).ravel())
    ties = len(np.unique(np.concatenate([x, y]))) < n + m
    if n + m > 60:
        method = "asymptotic"
    elif not ties:
        method = "exact"
    else:
        method = stats.PermutationMethod(n_resamples=np.inf)
    test = stats.mannwhitneyu(x, y, alternative="two-sided", method=method, use_continuity=True)
    out = left_out(n, m)
    greater = np.sum(x[:, None] > y[None, :], dtype=float)
    less = np.sum(x[:, None] < y[None, :], dtype=float)
    return {
        "name": name, "x": x.tolist(), "y": y.tolist(),
        "u": test.statistic, "p": test.pvalue,
        "delta": (greater - less) / (n * m),
        "shift": float(np.median(differences)),
        "interval": [differences[out - 1], differences[n * m - out]] if out > 0 else None,
    }


def pairs():
    rng = np.random.default_rng(7)
    normal = lambda n, mean: rng.normal(mean, 1, n).round(6).tolist()
    whole = lambda n, mean: rng.poisson(mean, n).astype(float).tolist()
    return [
        pair("three and three", normal(3, 0), normal(3, 1)),
        pair("four and four, apart", [1.0, 2.0, 3.0, 4.0], [11.0, 12.5, 13.0, 14.0]),
        pair("six and nine", normal(6, 0), normal(9, 0.7)),
        pair("ties, four and six", whole(4, 4), whole(6, 6)),
        pair("ties, seven and seven", whole(7, 3), whole(7, 6)),
        pair("ties, all equal", [2.0] * 4, [2.0] * 5),
        pair("thirty and thirty", normal(30, 0), normal(30, 0.4)),
        pair("thirty and thirty-one", normal(30, 0), normal(31, 0.4)),
        pair("hundreds", normal(250, 5), normal(180, 5.1)),
        pair("hundreds with ties", whole(300, 20), whole(220, 22)),
    ]


def holm(p):
    order = np.argsort(p, kind="stable")
    out, largest = np.zeros(len(p)), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        out[i] = largest
    return out.tolist()


def draws():
    """All ways to draw two and three runs: the whole distribution that a bootstrap samples from."""
    runs = [[1.0, 4.0, 2.5], [3.0, 3.5], [9.0, 0.5, 6.0, 7.0]]
    means, medians = [], []
    for chosen in itertools.product(range(3), repeat=3):
        all_samples = np.concatenate([runs[i] for i in chosen])
        means.append(all_samples.mean())
        medians.append(np.quantile(all_samples, 0.5))
    return {
        "runs": runs,
        "mean": [float(min(means)), float(max(means))],
        "median": [float(min(medians)), float(max(medians))],
    }


def plain(value):
    if isinstance(value, dict):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def write(name, value):
    text = json.dumps(plain(value), indent=None, separators=(",", ":"), allow_nan=False)
    (HERE / name).write_text(text.replace('{"name"', '\n{"name"') + "\n")


samples = data()
described = [describe(name, values) for name, values in samples.items()]
for one in described:
    if len(one["samples"]) > 2 and one["min"] < one["max"]:
        one["lag1"] = autocorrelation(one["samples"])
write("special.json", special())
write("describe.json", described)
write("pairs.json", pairs())
write("holm.json", [[p, holm(p)] for p in (
    [], [0.03], [0.01, 0.04, 0.03, 0.005], [0.5, 0.5, 0.9], [0.02, 0.02, 0.02, 1.0, 1e-9],
)])
write("draws.json", draws())
print("scipy", scipy.__version__, "numpy", np.__version__)
