"""Writes `.env` for docker-compose: fresh secrets, and empty lines for the providers' keys.

    make secrets                     # every secret that the compose file names
    make secrets ARGS=--langfuse     # also the lines that start Langfuse and send traces there

Lines that are there already are never touched: the databases were made with them. What is missing is added.
"""

import argparse
import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path

SECRETS = (
    "LITELLM_MASTER_KEY",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "THRIFTGATE_METRICS_TOKEN",
    "GRAFANA_PASSWORD",
    "LANGFUSE_POSTGRES_PASSWORD",
    "LANGFUSE_CLICKHOUSE_PASSWORD",
    "LANGFUSE_REDIS_PASSWORD",
    "LANGFUSE_OBJECTS_PASSWORD",
    "LANGFUSE_NEXTAUTH_SECRET",
    "LANGFUSE_SALT",
    "LANGFUSE_USER_PASSWORD",
)
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")


def environment(*, langfuse: bool = False) -> Mapping[str, str]:
    """A new environment: every secret drawn, every key empty; with `langfuse` it is switched on."""
    drawn = {name: secrets.token_hex(24) for name in SECRETS}
    drawn["LITELLM_MASTER_KEY"] = f"sk-{drawn['LITELLM_MASTER_KEY']}"
    drawn["LANGFUSE_ENCRYPTION_KEY"] = secrets.token_hex(32)  # Langfuse wants exactly 256 bits
    switched_on = {
        "COMPOSE_PROFILES": "langfuse",
        "LANGFUSE_HOST": "http://langfuse-web:3000",
        "LANGFUSE_BROWSER_URL": "http://localhost:3000",
        "LANGFUSE_PUBLIC_KEY": f"pk-lf-{uuid.uuid4()}",
        "LANGFUSE_SECRET_KEY": f"sk-lf-{uuid.uuid4()}",
        "LANGFUSE_USER_EMAIL": "operator@example.com",
    }
    return drawn | dict.fromkeys(KEYS, "") | (switched_on if langfuse else {})


def write(path: Path, *, langfuse: bool = False) -> list[str]:
    """Add what the file lacks, readable by its owner alone; returns the names that were added."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a+", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.seek(0)
        text = file.read()
        known = {line.partition("=")[0].strip() for line in text.splitlines()}
        added = {name: value for name, value in environment(langfuse=langfuse).items() if name not in known}
        if text and not text.endswith("\n"):
            file.write("\n")
        file.writelines(f"{name}={value}\n" for name, value in added.items())
    return list(added)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("target", nargs="?", type=Path, default=Path(".env"))
    parser.add_argument("--langfuse", action="store_true", help="start Langfuse too, and send traces there")
    arguments = parser.parse_args()
    names = write(arguments.target, langfuse=arguments.langfuse)
    if names:
        print(f"{arguments.target}: added {', '.join(names)}; put your providers' keys into it")
    else:
        print(f"{arguments.target} has everything and stays as it is")
