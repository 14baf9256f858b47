"""`planward plan`, `config` and `import`: they examine a working copy without GitHub.

Only remote_config.py uses GitHub.

working_copy.py    a repository on a disk
snapshot.py        a copy of its files, so that nothing is written into the original
plan.py            the report that a pull request with the working copy's files would get
config.py          the answers of `config check`, `config schema`, `config show` and `import`
secret_use.py      which teams and paths a repository may use
remote_config.py   `config show` of a repository on GitHub
"""
