"""What nobody waits for: installations, missed deliveries, cleanup."""
