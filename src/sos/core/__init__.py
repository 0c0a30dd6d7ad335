"""What we do: the use cases, over ports and without I/O of their own."""
