"""What we promise in numbers: each file is one command that prints ratio, limit (measured in the same run) and goal."""
