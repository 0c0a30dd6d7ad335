"""The tests: a regular package, so that no installed package of this name can stand in front of it."""
