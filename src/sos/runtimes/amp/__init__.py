"""Amp, in a terminal or an editor."""
