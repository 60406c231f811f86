"""Makes the files of this folder; see its docstring."""

from tests.specification import main

main()
