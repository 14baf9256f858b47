"""The stories, each readable from top to bottom. They do not know each other; they share the rooms below them."""
