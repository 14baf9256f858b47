"""GitHub's JSON, one function for each kind of thing; REST and deliveries share them."""
