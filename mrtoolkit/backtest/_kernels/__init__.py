"""Kernels of the engines: arrays in, arrays out."""
