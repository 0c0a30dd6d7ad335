"""What a runtime runs at its events: never breaks its host, and never takes silence for an empty inbox."""
