"""How things are called in Redis.

Names, scopes, routes and tags are any text; in keys and index tags they stand as hashes, so nothing has to be
escaped, nothing is folded to lower case or split at a comma, and no key is longer than it must be.
"""

from hashlib import blake2b

NAMESPACE = "thriftgate"


def key_digest(*parts: str) -> str:
    """The letter d and 32 hex digits for a tuple of texts; different tuples do not share one.

    The letter keeps the query engine from reading a tag like 12e45 as a number.
    """
    hashed = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(8, "big"))
        hashed.update(data)
    return f"d{hashed.hexdigest()}"
