"""`kg keys`: the keys that users' ids are hashed with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kg.cli.audit import audited
from kg.cli.options import Json, Releases, Store, releases_of, store_url
from kg.cli.output import note, print_json, print_line, progress

keys = typer.Typer(no_args_is_help=True, help="The keys that users' ids are hashed with.")


@keys.command("new")
def new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the key.")],
    json_: Json = False,
) -> None:
    """Make a key. Loads into an empty store hash users' ids with it once it is named.

    \b
    kg keys new shop.key && export KG_PSEUDONYM_KEY_FILE=shop.key
    """
    from kg.privacy.keys import Keyring, new_key, write_ring

    ring = Keyring((new_key(),))
    write_ring(file, ring)
    if json_:
        print_json({"file": str(file), "keyId": ring.id})
    else:
        print_line(f"key {ring.id} is in {file}; use it with KG_PSEUDONYM_KEY_FILE={file}")
        note("keep a copy in a safe place: without it no user can be found by the id you know")


@keys.command("rotate")
def rotate(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file: the keys there are and one more.")
    ],
    releases: Releases = None,
    store: Store = None,
    json_: Json = False,
) -> None:
    """Put a new key on top of a store's, in place; of plain ids it makes pseudonyms.

    Profiles, interests and releases stay, and so do audiences, arms of tests, exports and results
    that the audit file knows of: all get the new ids. Files in which plain ids cannot be told from
    other text keep them, and are named. The keys in use are those of KG_PSEUDONYM_KEY_FILE. A run
    that was cut off is finished by the same command.

    \b
    kg keys rotate shop-2.key && export KG_PSEUDONYM_KEY_FILE=shop-2.key
    """
    from kg.audit import files_written
    from kg.config import settings
    from kg.privacy.rotation import rotate as put_on_top

    url = store_url(store)
    with audited("keys rotate", url) as act, progress() as move:
        known = files_written(settings().home, url)
        done = put_on_top(url, releases_of(url, releases), file, files=known, progress=move)
        act.rows = {"User": done.users}
    if json_:
        print_json({"file": str(file), "keyId": done.key_id, "users": done.users,
                    "releases": list(done.releases),
                    "files": list(map(str, done.files.done)),
                    "filesLeft": list(map(str, done.files.left))})  # fmt: skip
        return
    print_line(
        f"{done.users} users, {len(done.releases)} releases and {len(done.files.done)} files are "
        f"under key {done.key_id}"
    )
    for left in done.files.left:
        note(f"{left} may hold users' ids as they were: remove it where that matters")
    print_line(f"from now on: KG_PSEUDONYM_KEY_FILE={file}")
