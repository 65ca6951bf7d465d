#!/usr/bin/env python3
"""Makes a sparse registry for cargo of the crates of a folder.

    packaging/registries/cargo.py BASE FOLDER OUT

BASE is the address under which OUT will be published. What the crates need and the folder does not have, cargo takes from crates.io.
"""
import hashlib
import json
import pathlib
import shutil
import sys
import tarfile
import tomllib

CRATES_IO = "https://github.com/rust-lang/crates.io-index"  # what other registries call crates.io


def dependencies(manifest, own):
    """Yields the dependencies of a manifest as the index has them. cargo has written the manifest of a package out in full."""
    for target, table in [(None, manifest), *manifest.get("target", {}).items()]:
        for section, kind in (("dependencies", "normal"), ("build-dependencies", "build"), ("dev-dependencies", "dev")):
            for name, value in table.get(section, {}).items():
                said = value if isinstance(value, dict) else {"version": value}
                crate = said.get("package", name)
                yield {
                    "name": name, "package": crate if crate != name else None, "req": said["version"], "kind": kind, "target": target,
                    "optional": said.get("optional", False), "features": said.get("features", []),
                    "default_features": said.get("default-features", True), "registry": None if crate in own else CRATES_IO,
                }


def entry(manifest, digest, own):
    """Returns the line of the index for a crate."""
    package = manifest["package"]
    return json.dumps({
        "name": package["name"], "vers": package["version"], "deps": list(dependencies(manifest, own)), "cksum": digest,
        # In features2 a feature may name an optional crate as `dep:`.
        "features": {}, "features2": manifest.get("features", {}), "v": 2, "yanked": False,
        "links": package.get("links"), "rust_version": package.get("rust-version"),
    }) + "\n"


def place(name):
    """Returns the folder in which cargo looks for the crate's file of the index."""
    return {1: "1", 2: "2", 3: f"3/{name[0]}"}.get(len(name), f"{name[:2]}/{name[2:4]}")


def main(base, folder, out):
    out = pathlib.Path(out)
    (out / "crates").mkdir(parents=True)
    crates = []
    for file in sorted(pathlib.Path(folder).glob("*.crate")):
        shutil.copy(file, out / "crates")
        with tarfile.open(file) as archive:
            manifest = tomllib.loads(archive.extractfile(f"{file.stem}/Cargo.toml").read().decode())
        crates.append((manifest, hashlib.sha256(file.read_bytes()).hexdigest()))
    own = {manifest["package"]["name"] for manifest, _ in crates}
    for manifest, digest in crates:
        name = manifest["package"]["name"].lower()
        (out / place(name)).mkdir(parents=True, exist_ok=True)
        with (out / place(name) / name).open("a") as lines:
            lines.write(entry(manifest, digest, own))
    (out / "config.json").write_text(json.dumps({"dl": base + "/crates/{crate}-{version}.crate"}) + "\n")


main(*sys.argv[1:])
