"""Wakes agents that do not run: one process of a machine receives for many, and hands each message to a command of its own."""
