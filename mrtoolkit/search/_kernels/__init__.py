"""Kernels of the search: arrays in, arrays out."""
