"""The schema and its versions: scripts that only ever add, applied in order, each in one transaction.

`user_version` is major × 1000 + the newest script. A program goes on with a store that newer scripts of its own major version
were applied to, since they only add; a newer major version it refuses.
"""

from __future__ import annotations

import os

from sos import files
from sos.model.errors import StoreDamaged, UpgradeNeeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sos.stores.sqlite.database import Database

APPLICATION_ID = 0x534F5331  # "SOS1"
MAJOR = 1
FOLDER = os.path.join(os.path.dirname(__file__), "migrations")


def newest() -> int:
    """The version that the scripts of this program lead to."""
    return MAJOR * 1000 + _numbers()[-1]


def _numbers() -> list[int]:
    return sorted(int(name[:4]) for name in files.shipped_names(FOLDER) if name.endswith(".sql"))


def check(database: Database) -> int:
    """The version of an open database. Raises StoreDamaged where it is none of ours, UpgradeNeeded where it is too new."""
    version = int(database.read("PRAGMA user_version")[0][0])
    if database.read("PRAGMA application_id") != [(APPLICATION_ID,)] or version < MAJOR * 1000:
        raise StoreDamaged(f"{database.path} is not a store of SOS")
    if version >= (MAJOR + 1) * 1000:
        raise UpgradeNeeded(f"{database.path} has schema {version}; this program knows those below {(MAJOR + 1) * 1000}")
    return version


def migrate(database: Database) -> None:
    """Bring a database, or an empty file, to the newest version. Another process may be at it too: each script runs once."""
    for number in _numbers():
        with database.write():
            if int(database.read("PRAGMA user_version")[0][0]) >= MAJOR * 1000 + number:
                continue
            for statement in _statements(number):
                database.read(statement)
            if number == 1:
                database.read("INSERT INTO meta (key, value) VALUES ('epoch', ?)", (os.urandom(8).hex(),))
                database.read(f"PRAGMA application_id = {APPLICATION_ID}")
            database.read(f"PRAGMA user_version = {MAJOR * 1000 + number}")


def _statements(number: int) -> list[str]:
    (name,) = (name for name in files.shipped_names(FOLDER) if name.startswith(f"{number:04}_"))
    script = files.shipped(os.path.join(FOLDER, name)).decode("ascii")
    return [statement for statement in script.split(";\n") if statement.strip()]
