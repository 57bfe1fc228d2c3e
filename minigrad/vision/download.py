"""Files from the network: resumed where they were cut off, checked, and put in place whole or not at all."""
import hashlib
import http.client
import os
import pathlib
import urllib.error
import urllib.request

CHUNK = 1 << 16
TIMEOUT = 30                                    # seconds without a byte


def fetch(resources, mirrors, folder):
    """Gets what is missing in `folder` of some published files.

    Args:
        resources: pairs (file name, its MD5 as hexadecimal digits).
        mirrors: addresses that have them, tried in order; a file's name is appended.
        folder: made if need be. What arrives is kept as NAME.part until it is complete, across interruptions
            and calls; a file that is there already with the right MD5 is not asked for.

    Raises:
        RuntimeError: no mirror gave a file, or what it gave has another MD5. The message says why, which
            files are missing, and where to put them by hand.
    """
    folder = pathlib.Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    missing = [(name, md5) for name, md5 in resources if _md5(folder / name) != md5]
    for position, (name, md5) in enumerate(missing):
        failures = []
        for mirror in mirrors:
            try:
                _download(mirror + name, folder / name, md5)
                break
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"{mirror}{name}: {getattr(error, 'reason', None) or error}")
        else:
            names = ", ".join(name for name, _ in missing[position:])
            raise RuntimeError("\n".join([f"Error downloading {name}", *failures,
                                          f"Try again (what came so far is kept), or get {names} another way "
                                          f"and put them into {folder}."]))


def _download(url, path, md5):
    """`path` from `url`. Goes on after an interruption as long as bytes arrive."""
    part = path.with_name(path.name + ".part")
    while True:
        begun = part.stat().st_size if part.exists() else 0
        try:
            _transfer(url, part, begun)
        except (OSError, http.client.HTTPException):
            if not part.exists() or part.stat().st_size <= begun:
                raise
            continue
        if _md5(part) == md5:
            os.replace(part, path)
            return
        part.unlink()
        if not begun:                           # else: the part may have been of another file; from the start
            raise OSError(f"what came has not the MD5 {md5}: damaged, or another version")


def _transfer(url, part, begun):
    """Appends to `part`, which has `begun` bytes, what `url` has beyond them."""
    from tqdm import tqdm
    headers = {"User-Agent": "minigrad", **({"Range": f"bytes={begun}-"} if begun else {})}
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and begun:         # nothing beyond: the part is complete, or of another file
            return
        raise
    with response:
        if response.status != 206:              # a server that always gives the whole file
            begun = 0
        length = response.headers.get("Content-Length")
        total = begun + int(length) if length else None
        with (open(part, "ab" if begun else "wb") as file,
              tqdm(desc=part.stem, total=total, initial=begun, unit="B", unit_scale=True) as progress):
            while chunk := response.read(CHUNK):
                file.write(chunk)
                progress.update(len(chunk))
    if total is not None and part.stat().st_size < total:
        raise ConnectionError(f"cut off after {part.stat().st_size} of {total} bytes")


def _md5(path):
    """Hexadecimal digits, or None where there is no such file."""
    if not path.is_file():
        return None
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
