"""What is answered over HTTP: deliveries, pages, the live log, health and metrics."""
