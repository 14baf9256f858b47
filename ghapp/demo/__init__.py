"""The demo: a sample repository on a local GitHub, to try Planward on."""
