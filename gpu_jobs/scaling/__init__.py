"""Moments and z-scores: StandardScaler, on the CPU or on a CUDA device.

scaler          what all others use
block           some rows of some columns, where they lie
tiles           the arithmetic on the CPU
lanes, kernels  the way over the bus to a device, and the arithmetic there
device          which of the two it is
"""
