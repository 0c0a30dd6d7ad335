"""Public test kit: a bus in memory whose clock stands still, and the contract that every store keeps."""

from sos.testing.bus import Bus
from sos.testing.clock import FakeClock

__all__ = ["Bus", "FakeClock"]
