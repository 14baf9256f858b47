"""The demo: a local GitHub with state, and a sample repository to try Planward on."""
