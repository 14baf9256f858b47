"""The comment on merged pull requests, and chat."""
