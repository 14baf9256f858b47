"""`planward plan` and `planward config`: what is found in a working copy, without GitHub.

working_copy.py    a repository as it lies on a disk
snapshot.py        its files copied, so that nothing is written beside them
plan.py            the report of a pull request for a working copy
config.py          what `config check`, `config schema`, `config show` and `import` answer
remote_config.py   `config show` of a repository on GitHub
"""
