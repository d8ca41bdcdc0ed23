"""Makes otava.json, series and the change points that Apache Otava finds in them, which the tests of
src/cargo-serbench/record/changes.rs compare with.

Run once by hand, in this folder:

    pip install apache-otava==0.8.0
    python generate.py > otava.json

Every series is of log-ratios. Otava measures magnitudes of plain values, (after - before) / before, which means
nothing for logarithms, so that one function of it is replaced here.
"""

import glob
import json
import math
import random

from otava.analysis import TTestSignificanceTester, TTestStats, compute_change_points, merge

TTestStats.change_magnitude = lambda self: math.expm1(abs(self.mean_2 - self.mean_1))

# Annual flow of the Nile at Aswan, 1871-1970, 10^8 m^3 (Cobb 1978, "The problem of the Nile"): it fell in 1899.
NILE = """1120 1160 963 1210 1160 1160 813 1230 1370 1140 995 935 1110 994 1020 960 1180 799 958 1140 1100 1210 1150
1250 1260 1220 1030 1100 774 840 874 694 940 833 701 916 692 1020 1050 969 831 726 456 824 702 1120 1100 832 764 821
768 845 864 862 698 845 744 796 1040 759 781 865 845 944 984 897 822 1010 771 676 649 846 812 742 801 1040 860 874 848
890 744 749 838 1050 918 986 797 923 975 815 1020 906 901 1170 912 746 919 718 714 740"""


def recorded():
    """The log-ratios of the blocks of each benchmark in the records of this repository, by id."""
    series = {}
    for path in sorted(glob.glob("../../../baselines/*/*.json")):
        for name, measured in json.load(open(path))["benchmarks"].items():
            series[name] = measured.get("log_ratios", {}).get("cpu", [])
    return {name: values for name, values in sorted(series.items()) if len(values) >= 40}


def simulated(length, steps, draw):
    """Noise of `draw` around 0.4, shifted by steps {index: change}."""
    level, values = 0.4, []
    for index in range(length):
        level += steps.get(index, 0.0)
        values.append(level + draw())
    return values


def normal(sd):
    return lambda: random.gauss(0.0, sd)


def heavy(sd):
    """Student's t with 3 degrees of freedom: busy neighbours."""
    return lambda: sd * random.gauss(0.0, 1.0) / math.sqrt(random.gammavariate(1.5, 2.0) / 3.0)


def all_series():
    yield "nile", [math.log(int(flow)) for flow in NILE.split()]
    noise = list(recorded().values())
    for number, values in enumerate(noise[:4]):
        yield f"recorded {number}", values
    for number, step in enumerate((0.01, 0.05)):
        one = noise[number]
        yield f"recorded with a step of {step}", one + [value + step for value in one]
    random.seed(6)
    yield "short", simulated(12, {6: 0.05}, normal(0.005))
    yield "one point", [0.4]
    yield "two points", [0.4, 0.5]
    yield "constant", [0.4] * 60
    yield "constant with steps", simulated(90, {30: 0.05, 60: -0.02}, normal(0.0))
    yield "alternating", [0.4 + 0.01 * (index % 2) for index in range(80)]
    yield "drift", [0.4 + 0.0005 * index + random.gauss(0.0, 0.01) for index in range(120)]
    yield "outlier", [0.4 + (0.3 if index == 40 else 0.0) + random.gauss(0.0, 0.01) for index in range(80)]
    yield "there and back", simulated(150, {60: 0.03, 80: -0.03}, normal(0.008))
    yield "last point", simulated(60, {59: 0.2}, normal(0.005))
    yield "many steps", simulated(300, {index: (-1) ** (index // 40) * 0.04 for index in range(40, 300, 40)}, normal(0.01))
    yield "coarse", [round(value, 2) for value in simulated(200, {70: 0.01, 140: 0.02}, normal(0.01))]
    for seed in range(24):
        random.seed(100 + seed)
        length = random.randrange(20, 260)
        steps = {random.randrange(1, length): random.gauss(0.0, 0.03) for _ in range(random.randrange(4))}
        draw = random.choice((normal, heavy))(random.choice((0.003, 0.01, 0.03)))
        yield f"simulated {seed}", simulated(length, steps, draw)


def refreshed(points, values, max_p):
    """The same points with figures of the intervals between them."""
    tester = TTestSignificanceTester(max_p)
    intervals = tester.get_intervals(points)
    return [tester.change_point(point.to_candidate(), values, intervals) for point in points]


def answer(name, values, window, max_p, min_change):
    values = [round(value, 5) for value in values]
    found, _ = compute_change_points(values, window_len=window, max_pvalue=max_p, min_magnitude=min_change)
    otava = [int(point.index) for point in found]
    # When Otava's last step drops a point, it tests the two points to the right again instead of one on either side.
    # A point to the left can then remain because of figures from an interval that ends too early, with p = 0.86 in one
    # series here. So the step is repeated with new figures until it drops nothing.
    while True:
        points = merge(refreshed(found, values, max_p), values, max_p, min_change)
        if len(points) == len(found):
            break
        found = points
    points = [
        [int(point.index), float(point.stats.mean_1), float(point.stats.mean_2), float(point.stats.pvalue)]
        for point in refreshed(points, values, max_p)
    ]
    return {
        "name": name,
        "window": window,
        "max_p": max_p,
        "min_change": min_change,
        "values": values,
        "otava": otava,
        "points": points,
    }


answers = []
for name, values in all_series():
    answers.append(answer(name, values, 50, 0.001, 0.0))
    if name in ("nile", "many steps", "simulated 3"):
        answers += [
            answer(f"{name}, window {window}, p {max_p}, at least {min_change}", values, window, max_p, min_change)
            for window, max_p, min_change in ((30, 0.001, 0.0), (50, 0.05, 0.0), (50, 0.001, 0.02))
        ]
print("[\n" + ",\n".join(json.dumps(answer, separators=(",", ":")) for answer in answers) + "\n]")
