"""Bootstrap of a mean by scipy and numpy, timed: reads float64 values from a file, writes one JSON object.

    python reference_bootstrap.py VALUES RESAMPLES NETWIN|SCORES
"""
import json
import platform
import sys
import time

try:
    import numpy
    import scipy
    from scipy import stats
except ImportError as missing:
    sys.exit(f"{missing}: this benchmark compares with numpy and scipy; install both for the python it is given")

path, resamples, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
values = numpy.fromfile(path, dtype=numpy.float64)


def timed(run):
    begun, before = time.perf_counter(), time.process_time()
    result = run()
    return (time.perf_counter() - begun) * 1e3, (time.process_time() - before) * 1e3, result


def scipy_bootstrap(batch):
    result = stats.bootstrap((values,), numpy.mean, n_resamples=resamples, batch=batch, method="percentile",
                             confidence_level=0.95, vectorized=True, rng=numpy.random.default_rng(1))
    return [float(result.confidence_interval.low), float(result.confidence_interval.high)]


def numpy_loop():
    rng = numpy.random.default_rng(2)
    n = len(values)
    means = numpy.array([values[rng.integers(0, n, n)].mean() for _ in range(resamples)])
    return [float(q) for q in numpy.quantile(means, [0.025, 0.975])]


def numpy_multinomial():
    rng = numpy.random.default_rng(3)
    n = len(values)
    shares = [(values > 0).mean(), (values == 0).mean(), (values < 0).mean()]
    counts = rng.multinomial(n, shares, size=resamples)
    return [float(q) for q in numpy.quantile((counts[:, 0] - counts[:, 2]) / n, [0.025, 0.975])]


# The batch decides how much memory scipy takes; the faster of two is what it is compared by.
runs = {"scipy.stats.bootstrap, batch 10": lambda: scipy_bootstrap(10),
        "scipy.stats.bootstrap, batch 100": lambda: scipy_bootstrap(100),
        "numpy, one resample at a time": numpy_loop}
if kind == "NETWIN":
    runs["numpy, multinomial counts"] = numpy_multinomial
results = {}
for name, run in runs.items():
    ms, cpu_ms, interval = timed(run)
    results[name] = {"ms": ms, "cpuMs": cpu_ms, "interval": interval}
json.dump({"python": platform.python_version(), "numpy": numpy.__version__, "scipy": scipy.__version__,
           "results": results}, sys.stdout)
