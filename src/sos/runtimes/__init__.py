"""Agent runtimes: which files they own, how their hooks speak, and what in their transcripts is evidence."""
