"""One root module in one environment: one durable step."""
