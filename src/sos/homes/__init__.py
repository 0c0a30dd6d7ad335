"""An agent's home: its identity file, tokens and guide; sessions and directories bound to agents; who am I here."""
