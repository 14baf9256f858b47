"""Who may do what: which team's secrets a repository may use, and where chat messages may be sent.

Nothing here comes from data that the requesting person can write: callers supply the operator's settings, the team's
own secret, GitHub's answers and the config at LAST.
"""
