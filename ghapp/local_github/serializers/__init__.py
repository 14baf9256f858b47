"""GitHub's JSON, one function for each kind of resource. REST and deliveries share these functions."""
