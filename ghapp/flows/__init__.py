"""The flows, each readable from top to bottom. They do not import each other; they share the packages below them."""
