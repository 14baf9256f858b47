"""One root module in one environment, as one durable step."""
