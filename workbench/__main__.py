"""`python -m workbench` is the command line, for where the script is not on the path."""

from workbench.cli.main import main

if __name__ == "__main__":
    main(prog_name="workbench")
