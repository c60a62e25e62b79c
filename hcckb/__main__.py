"""`python -m hcckb` is `hcckb`."""

from hcckb.cli import main

if __name__ == "__main__":
    main()
