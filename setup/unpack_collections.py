"""Takes the collections that requirements.yml names out of a wheel of the `ansible` package: `unpack_collections.py WHEEL FOLDER`.

Only those are unpacked (4 MB of 470), and only in the versions that requirements.yml asks for.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import yaml


def unpack(wheel: ZipFile, name: str, version: str, folder: Path) -> None:
    """One collection, in the place of whatever stood there; an unfinished one never stands under the final name."""
    prefix = "ansible_collections/" + name.replace(".", "/") + "/"
    manifest = prefix + "MANIFEST.json"
    if manifest not in wheel.namelist():
        raise SystemExit(f"The wheel has no collection {name}; name a release of the ansible package that has it.")
    found = json.loads(wheel.read(manifest))["collection_info"]["version"]
    if found != version:
        raise SystemExit(f"The wheel has {name} {found}, requirements.yml wants {version}; change one of the two.")
    final = folder / prefix
    shutil.rmtree(final, ignore_errors=True)
    unpacked = folder / ".unpacking"
    shutil.rmtree(unpacked, ignore_errors=True)
    wheel.extractall(unpacked, [member for member in wheel.namelist() if member.startswith(prefix)])
    final.parent.mkdir(parents=True, exist_ok=True)
    (unpacked / prefix).rename(final)
    shutil.rmtree(unpacked)


def main() -> None:
    """Unpacks every collection that the requirements name."""
    with ZipFile(sys.argv[1]) as wheel, Path("requirements.yml").open(encoding="utf-8") as requirements:
        for wanted in yaml.safe_load(requirements)["collections"]:
            unpack(wheel, wanted["name"], str(wanted["version"]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
