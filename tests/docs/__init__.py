"""What stands on paper is true: project files, commands, settings."""
