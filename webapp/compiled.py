"""Templates stay compiled from one start of a server to the next."""

from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Jinja's cache in a folder; a folder that cannot be written costs time and nothing else."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made, for its owner alone: what lies in it is run."""
        with suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(str(folder), f"{jinja2.__version__}-%s")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fetch a template that was compiled before."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template that was compiled."""
        with suppress(OSError):
            super().dump_bytecode(bucket)
