"""Writes `.env` for docker-compose: fresh secrets, and empty lines for the providers' keys.

An existing file is never touched: whoever runs this twice keeps what the databases were made with.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

SECRETS = ("LITELLM_MASTER_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD")
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")


def environment() -> Mapping[str, str]:
    """A new environment: every secret drawn, every key empty."""
    drawn = {name: secrets.token_hex(24) for name in SECRETS}
    drawn["LITELLM_MASTER_KEY"] = f"sk-{drawn['LITELLM_MASTER_KEY']}"
    return drawn | dict.fromkeys(KEYS, "")


def write(path: Path) -> bool:
    """Write the file, readable by its owner alone; False when it is there already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in environment().items())
    return True


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ".env")
    if write(target):
        print(f"wrote {target}: put your providers' keys into it")
    else:
        print(f"{target} is there already and stays as it is")
