"""The ledger: every state change of the portal, in an order and with content that cannot be changed unnoticed.

An entry is RFC 8785 JSON kept as text; the entries are the leaves of an RFC 6962 Merkle tree; each append signs the
tree's new size and root as a C2SP checkpoint; witnesses outside the portal keep copies of checkpoints.

Rules:
- `writer.append` runs inside the caller's transaction: the change and its entry commit or roll back together.
- One mechanism only: the tree. There is no second hash chain.
- The stored text itself is hashed; nothing is reformatted before hashing.
- Entries are never changed or removed. They contain personal data only as salted commitments.
"""
