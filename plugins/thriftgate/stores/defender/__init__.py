"""Defender on this CPU: a small encoder that its maker trained to tell attacks on a model from other texts."""
