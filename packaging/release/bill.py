"""The bill of materials of a release, in CycloneDX's form: its files, what is linked into them, and what they were built with."""
import datetime
import hashlib
import json
import uuid

MEDIA = "application/vnd.cyclonedx+json"
LICENCES = {"lily-session": "MIT", "jansson": "MIT", "swift": "Apache-2.0 WITH Swift-exception"}


def name_of(version):
    return f"lily-session-{version}.cdx.json"


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def hashes(digest):
    return [{"alg": "SHA-256", "content": digest}]


def licence(name):
    text = LICENCES[name]
    return [{"expression": text} if " WITH " in text else {"license": {"id": text}}]


def write(folder, version, seconds, files, parts, toolchain):
    """Writes the bill into the folder. `seconds` is the time of the release, `files` is {name: digest}, `parts` {name: version} of what is linked
    in, and `toolchain` the version and the digest of the compiler. The same release gives the same bytes."""
    product = {"type": "library", "bom-ref": "lily-session", "name": "lily-session", "version": version, "licenses": licence("lily-session"),
               "purl": f"pkg:generic/lily-session@{version}"}
    linked = [{"type": "library", "bom-ref": name, "name": name, "version": of, "licenses": licence(name), "purl": f"pkg:generic/{name}@{of}"}
              for name, of in sorted(parts.items())]
    listed = [{"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes(digest)} for name, digest in sorted(files.items())]
    compiler = {"type": "application", "name": "swift-frontend", "version": toolchain[0], "hashes": hashes(toolchain[1])}
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": "urn:uuid:" + str(uuid.uuid5(uuid.NAMESPACE_URL, version + json.dumps(files, sort_keys=True))),
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [compiler]}, "component": product},
        "components": linked + listed,
        "dependencies": [{"ref": "lily-session", "dependsOn": sorted(parts)}] + [{"ref": name} for name in sorted(parts)]}
    (folder / name_of(version)).write_text(json.dumps(bill, indent=1) + "\n")


def problems(folder, version, files):
    """Returns what is wrong with the bill. `files` is {name: digest} of the files that it must list."""
    name = name_of(version)
    try:
        bill = json.loads((folder / name).read_text())
        product = bill["metadata"]["component"]
        listed = {each["name"]: [(each["alg"], each["content"]) for each in each["hashes"]] for each in bill["components"] if each["type"] == "file"}
        kind = bill["bomFormat"], bill["specVersion"]
        of = product["name"], product["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{name} is no bill of materials: {error!r}"]
    found = []
    if kind != ("CycloneDX", "1.6"):
        found.append(f"{name} is not in the form of CycloneDX 1.6")
    if of != ("lily-session", version):
        found.append(f"{name} is of {' '.join(map(str, of))}, not lily-session {version}")
    found += [f"{name} does not list {each}" for each in sorted(files.keys() - listed.keys())]
    found += [f"{name} lists {each}, which is not there" for each in sorted(listed.keys() - files.keys())]
    found += [f"{name} has another SHA-256 of {each}" for each in sorted(files.keys() & listed.keys()) if listed[each] != [("SHA-256", files[each])]]
    return found
