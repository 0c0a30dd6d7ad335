"""What an agent can do over MCP: one table of tools over a Connection, for stdio and for HTTP."""
