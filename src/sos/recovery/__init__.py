"""What works when all else is broken: the standard library, the model and files alone."""
