"""MCP over standard input and output: a small loop of the standard library, since every session of every agent starts one."""
