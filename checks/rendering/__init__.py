"""A run's report as people and programs read it: Markdown for GitHub, HTML, the terminal, JSON, a picture."""
