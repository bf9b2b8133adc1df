"""Kernels of the indicators: arrays in, arrays out, many lookbacks in one call."""
