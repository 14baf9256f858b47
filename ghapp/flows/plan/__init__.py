"""Pull requests: announce, prepare, plan, conclude."""
