"""A run's report for people and programs: Markdown for GitHub, HTML, the terminal, JSON, a picture."""
