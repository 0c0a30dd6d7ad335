"""Tests that drive real agent runtimes, offline, against a loopback model endpoint."""
