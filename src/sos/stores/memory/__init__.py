"""The verified fake: the same contract in plain dictionaries, for tests of ours and of those who build on us."""
