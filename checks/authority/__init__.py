"""Who may do what: use a team's secrets, end a hold, use a source or a server variable, and receive chat messages.

These rules never come from data that the requesting person can write. The callers supply the operator's settings, the
team's own secret, GitHub's answers and the config at LAST.
"""
