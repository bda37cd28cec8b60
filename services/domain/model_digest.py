r"""One digest over the files of a model.

The digest is SHA-256 (FIPS 180-4) over one line per file, ordered by the paths' UTF-8 bytes::

    <sha256 of the content, hex> <length of the path in UTF-8 bytes> <path>\n

The length makes the lines unambiguous whatever a path holds. An auditor needs
only the files and this text to recompute it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def digest_of_files(content_digests: Mapping[str, str]) -> str:
    """``sha256:…`` from path (with ``/``) to the hex SHA-256 of each file's content."""
    total = hashlib.sha256()
    for path in sorted(content_digests, key=lambda p: p.encode()):
        encoded = path.encode()
        total.update(b"%s %d %s\n" % (content_digests[path].encode(), len(encoded), encoded))
    return f"sha256:{total.hexdigest()}"
