"""Background work: installations, missed deliveries, cleanup."""
