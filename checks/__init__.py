"""Decide what a Terraform plan means and whether it may pass: takes values and bytes, returns values.

Nothing in this package reads a file, the network, the clock, the environment or a random number.
"""
