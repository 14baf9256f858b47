"""Pull requests: announced, prepared, planned, concluded."""
