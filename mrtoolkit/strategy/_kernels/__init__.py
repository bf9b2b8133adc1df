"""Kernels of the plan: arrays in, numbers out."""
