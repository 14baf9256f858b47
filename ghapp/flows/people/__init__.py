"""People's decisions, by buttons and comments."""
