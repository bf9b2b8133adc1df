"""What the moving regions go by: expected improvement, beside scipy's normal distribution."""

import numpy as np
from scipy.stats import norm

from mrtoolkit.search._kernels.estimate import expected_gain


def test_it_is_the_expected_improvement():
    rng = np.random.default_rng(0)
    mean, deviation, best = rng.normal(size=200), rng.uniform(0.01, 2, size=200), 0.7
    found = np.empty(200)
    expected_gain(mean, deviation, best, found)
    z = (mean - best) / deviation
    np.testing.assert_allclose(found, (mean - best) * norm.cdf(z) + deviation * norm.pdf(z), atol=1e-6)
