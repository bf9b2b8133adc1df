"""Optuna both ways: our search as a sampler, its samplers over our evaluator, and our studies as its own."""

from .driving import optimize as optimize
from .exporting import export as export
from .sampler import MultiResSampler as MultiResSampler
from .spaces import distributions as distributions
