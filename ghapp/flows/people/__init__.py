"""What people decide, by buttons and comments."""
