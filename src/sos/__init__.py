"""SOS gives an agent a durable identity, an inbox that its own runtime reads to it, and a guide when it is stuck."""

__version__ = "0.1.0"
