"""The worker process that `planward serve` starts, and that ends with it.

It parses and masks everything that others wrote, so that the process that answers GitHub need not. The two share the
database, which holds everything durable, and a socket:

    messages.py     the messages on the socket
    supervising.py  in `serve`: starts the worker, watches it, restarts it, ends it
    link.py         in the worker: wakes its queues, answers questions, ends with `serve`
"""
