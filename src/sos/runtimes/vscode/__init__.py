"""VS Code: its agent, GitHub Copilot Chat."""
