"""Start of the frozen app: the same commands as `condseg`."""

import multiprocessing
import sys

from condseg_app.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()  # a library's worker process starts this program again
    sys.exit(main())
