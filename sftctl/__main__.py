"""`python -m sftctl`, and the `sftctl` command: also what torchrun and accelerate start."""

from sftctl.cli import main

if __name__ == "__main__":
    main()
