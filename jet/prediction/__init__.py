"""Prediction: decoding, calibration, thresholds; entries in, predictions out."""
