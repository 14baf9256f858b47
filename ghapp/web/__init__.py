"""Everything that is served over HTTP: deliveries, pages, the live log, health and metrics."""
