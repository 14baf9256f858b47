"""What a Terraform plan means and whether it may pass: values and bytes in, values out.

Nothing in this package reads a file, the network, the clock, the environment or chance.
"""
