"""The composition root of the agent's side: it alone puts stores, homes, runtimes and core together."""
