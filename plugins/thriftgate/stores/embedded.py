"""The database that comes with us: prepared and migrated, or the operator's own."""

from pathlib import Path


def prepare_database(url: str | None, data_dir: Path) -> str:
    """The DSN of a database that is ready to use.

    Given a `url`: that one. Else a PostgreSQL server of our own with its data under `<data_dir>/postgres`.
    """
    raise NotImplementedError
