"""Who may do what: which team's secrets a repository may use, and where chat messages may go.

Nothing here comes from what the person asking can write: the callers bring the operator's settings, the team's own
secret, GitHub's answers and the config at LAST.
"""
