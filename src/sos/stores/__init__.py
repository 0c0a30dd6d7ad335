"""Stores: one package per technology, one contract for all."""
