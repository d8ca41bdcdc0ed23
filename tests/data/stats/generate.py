"""Makes scipy.json, the values that the tests of src/cargo-serbench/compare/stats.rs compare with.

Run once by hand: `pip install scipy && python generate.py > scipy.json`. Made with scipy 1.17.1.
"""

import itertools
import json
import random

from scipy import stats


def bound(blocks, averages, tail):
    """The largest Walsh average that the exact one-sided test does not reject just below."""
    best = None
    for average in averages:
        shifted = [block - (average - 1e-9) for block in blocks]
        p = stats.wilcoxon(shifted, alternative="greater", method="exact").pvalue
        # Just below the smallest average, every block is above: the smallest possible p.
        if p > tail * (1 + 1e-9):
            break
        best = average
    return best


def interval(blocks, level):
    averages = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(blocks, 2))
    half = len(averages) // 2
    point = averages[half] if len(averages) % 2 else (averages[half - 1] + averages[half]) / 2
    tail = (1 - level) / 2
    lower = bound(blocks, averages, tail)
    upper = bound([-b for b in blocks], sorted(-a for a in averages), tail)
    return {
        "blocks": blocks,
        "level": level,
        "point": point,
        "lower": lower,
        "upper": None if upper is None else -upper,
    }


def exact_rank(blocks, tail):
    """The largest k with P(statistic <= k) <= tail, by scipy's exact distribution."""
    distribution = stats._wilcoxon.WilcoxonDistribution(blocks)
    k = 0
    while distribution.cdf(k) <= tail:
        k += 1
    return k - 1


random.seed(1)
samples = [[round(random.gauss(0.01, 0.03), 6) for _ in range(n)] for n in (4, 8, 11, 16, 24, 40)]
tables = {
    "intervals": [interval(blocks, level) for blocks in samples for level in (0.9, 0.95, 0.99, 0.9995)],
    "normal_quantiles": [
        [p, float(stats.norm.ppf(p))]
        for p in (1e-12, 1e-5, 0.0004, 0.02, 0.3, 0.5, 0.6, 0.95, 0.999, 1 - 1e-9)
    ],
    "ranks": [[n, tail, exact_rank(n, tail)] for n in (61, 96, 128) for tail in (0.0003, 0.005, 0.025)],
}
# One case per line.
sections = (
    f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]"
    for name, cases in tables.items()
)
print("{\n" + ",\n".join(sections) + "\n}")
