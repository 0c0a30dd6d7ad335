"""Public test kit: contract suites and a fake clock."""
