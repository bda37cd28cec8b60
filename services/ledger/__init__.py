"""The ledger: every state change of the portal, in an order and a wording that cannot be quietly changed.

An entry is RFC 8785 JSON kept as text; the entries are the leaves of an RFC 6962 Merkle tree; each append signs the
tree's new size and root as a C2SP checkpoint; witnesses outside the portal keep copies of checkpoints.

Rules:
- `writer.append` runs inside the caller's transaction: the change and its entry commit or vanish together.
- One mechanism only: the tree. There is no second hash chain.
- What is hashed is the stored text itself; nothing is ever re-written before it is hashed.
- Entries are never changed or removed. Personal data stands in them as salted commitments.
"""
