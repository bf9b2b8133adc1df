"""Kernels over features: arrays in, numbers out."""
