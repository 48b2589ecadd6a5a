"""Intervals, bootstrap, calibration error and Learn-then-Test."""
