"""Public test kit: a clock that stands still, and the contract that every store keeps."""
