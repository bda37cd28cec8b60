# ruff: noqa: ANN001, ANN201, ANN204, B905, BLE001, D101, D102, D103, D205, E401, E701, I001, N818, PLW1510, RET503, RUF100, T201
# fmt: off
# mypy: ignore-errors
"""Verify a Countersign ledger export (folder or zip) or evidence pack (.json) offline, without the portal.
Needs Python 3.11, and the package cryptography or openssl. Exits: 0 holds, 1 tampered or cut, 2 unusable, 3 stale.
"""
import argparse, base64, functools, itertools, json, re, subprocess, sys, tempfile, zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
NOTE = re.compile(rb"([^\n]+)\n([1-9]\d{0,17})\n([A-Za-z0-9+/]{43}=)\n\n((?:\xe2\x80\x94 [^ \n]+ [\w+/]+=*\n)+)")
SEQ = b',"seq":'  # no string can hold this: its quotes would be escaped; the last one is the entry's own
class Bad(Exception): """Arguments: the verdict that fails (or "input"), and what is wrong."""
def node(left, right): return sha256(b"\1" + left + right).digest()
def grow(rows, lines):  # unpaired nodes of a Merkle tree, a row a level, after more lines as leaves (RFC 9162, 2.1.1)
    hashes, grown = [sha256(b"\0" + line[:-1]).digest() for line in lines], []
    while hashes or len(grown) < len(rows):
        row = (rows[len(grown)] if len(grown) < len(rows) else []) + hashes
        hashes = [node(left, right) for left, right in zip(row[::2], row[1::2])]
        grown.append(row[-1:] if len(row) & 1 else [])
    return grown
def root_of(rows): return functools.reduce(lambda low, high: node(high, low), [row[0] for row in rows if row])
def climb(leaf, index, size, proof):  # the root that an inclusion proof leads to (RFC 9162, 2.1.3.1)
    if size < 2 or not proof: return leaf if (index, size, len(proof)) == (0, 1, 0) else b""
    half = 1 << (size - 1).bit_length() - 1
    if index < half: return node(climb(leaf, index, half, proof[:-1]), proof[-1])
    return node(proof[-1], climb(leaf, index - half, size - half, proof[:-1]))
def ed25519(public, signature, text):
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        return Ed25519PublicKey.from_public_bytes(public).verify(signature, text) is None
    except ImportError:
        with tempfile.TemporaryDirectory() as folder:
            for name, data in zip("kst", (b"0*0\5\6\3+ep\3!\0" + public, signature, text)):
                Path(folder, name).write_bytes(data)
            command = "openssl pkeyutl -verify -pubin -keyform DER -rawin -inkey k -sigfile s -in t"
            return subprocess.run(command.split(), cwd=folder, capture_output=True, timeout=60).returncode == 0
    except Exception: return False
def parse_key(vkey):
    name, _, rest = vkey.strip().partition("+")
    raw = base64.b64decode(rest[9:])
    if len(raw) == 33 and sha256(f"{name}\n".encode() + raw).hexdigest()[:8] == rest[:8]:
        return name, bytes.fromhex(rest[:8]), raw[1:]
    raise Bad("input", f"{vkey.strip()!r} is not an Ed25519 verifier key")
def parse(line, seq):  # the entry, if its text is canonical: no doubled key, no other order, spacing or escape
    try:
        entry = json.loads(line, parse_float=lambda number: f"\0{number}\0")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace('"\\u0000', "")
        if text.replace('\\u0000"', "").encode() == line[:-1] and entry["seq"] == seq: return entry
    except (ValueError, TypeError, KeyError, RecursionError): pass
    raise Bad("integrity", f"first bad entry: {seq}: its text is not that of ledger entry {seq}")
class Note:
    def __init__(self, match):
        self.origin, self.size, self.root = match[1].decode(errors="replace"), int(match[2]), base64.b64decode(match[3])
        self.text, self.lines = match[0].partition(b"\n\n")[0] + b"\n", match[4].decode(errors="replace").splitlines()
    def is_signed(self, keys):
        parts = [(line.split()[1], base64.b64decode(line.split()[2] + "==")) for line in self.lines]
        checks = [ed25519(k[2], raw[4:], self.text) for k in keys for name, raw in parts if (name, raw[:4]) == k[:2]]
        return bool(checks) and all(checks)
class Log:
    def __init__(self, keys):
        self.name, self.origin, self.keys = keys[0][0], f"{keys[0][0]}/1", dict.fromkeys(keys, "9")  # key: until
        self.rows, self.size, self.seen, self.lost = [], 0, {}, {}
    def notes(self, text):
        return [note for note in map(Note, NOTE.finditer(text)) if note.origin.rpartition("/")[0] == self.name]
    def walk(self, export, marks, forms):
        own, old, since = {n.size: n for n in self.notes((export / "checkpoints.txt").read_bytes())}, [], []
        with (export / "entries.jsonl").open("rb") as lines:
            for cut in sorted({*own, *(mark for mark in marks if mark < max(own, default=0))}):
                start, piece = self.size, [*itertools.islice(lines, cut - self.size)]
                self.rows, self.size, since = grow(self.rows, piece), start + len(piece), since + piece
                in_order = all(x.startswith(b"%d," % seq, x.rfind(SEQ) + 7) for seq, x in enumerate(piece, start + 1))
                wrong = self.size < cut or (cut in own and own[cut].root != root_of(self.rows))
                if wrong or not in_order: self.name_first(export, old, since)
                for seq, line in enumerate(piece if forms or not in_order else (), start + 1): parse(line, seq)
                if wrong: raise Bad("integrity", f"first bad entry: {self.size + 1}: missing, or signed with two roots")
                if cut in own: old, since = self.follow(own[cut], parse(piece[-1], cut)), []  # tree, lines after
                self.seen[cut] = (self.origin, root_of(self.rows), piece[-1])
            if next(lines, b""): raise Bad("integrity", f"first bad entry: {self.size + 1}: no checkpoint covers it")
    def name_first(self, export, rows, lines):  # the entry after the last one that a signed step vouches for
        file, start = export / "steps.txt", self.size - len(lines)
        steps = {note.size: note for note in self.notes(file.read_bytes() if file.exists() else b"")}
        roots = [(seq, root_of(rows := grow(rows, [line]))) for seq, line in enumerate(lines, start + 1)]
        good = (seq for seq, root in reversed(roots) if seq in steps and steps[seq].root == root)
        if (seq := next((n for n in good if steps[n].is_signed(self.keys)), start) + 1) > self.size: return
        sure = "" if seq in steps and steps[seq].is_signed(self.keys) else " or a later one, no signed step tells which"
        raise Bad("integrity", f"first bad entry: {seq}{sure}: it does not lead to the signed root")
    def follow(self, note, entry):  # checks a signature, takes new keys and origins from the log; the tree so far
        after, is_signed = entry["after"], note.is_signed([k for k, until in self.keys.items() if entry["at"] <= until])
        if is_signed and entry["action"] == "ledger:origin:opened":
            self.origin = after["origin"]
            self.lost.update({tail["origin"]: tail["size"] for tail in after["last_witnessed"]})
        if note.origin != self.origin or not is_signed:
            raise Bad("integrity", f"no known key signed the checkpoint of {note.size} entries for {self.origin}")
        if entry["action"] == "ledger:key:rotated":
            self.keys.update({parse_key(after["retires"]): after["until"], parse_key(after["vkey"]): "9"})
        return self.rows
    def compare(self, witness, expected, agreed=(0, b"")):  # the last entry on which log and witness agree
        for note in sorted(witness, key=lambda note: note.size):
            origin, root, line = self.seen.get(note.size, ("", b"", b""))
            if (origin, root) == (note.origin, note.root): agreed = (note.size, line)
            elif origin == note.origin or note.size > self.lost.get(note.origin, 0) or not note.is_signed(self.keys):
                what, signed = "fork" if origin == note.origin else "cut", "" if note.is_signed(self.keys) else "not "
                raise Bad("completeness", f"{what}: the witness holds {note.size} other entries, {signed}signed by a "
                    f"known key; first bad entry: after {agreed[0]}")
        if self.origin == (expected or f"{self.name}/1"): return agreed
        raise Bad("completeness", f"a restore opened {self.origin}: read its entry, then pass --origin {self.origin}")
def verify_pack(pack, log, witness):
    note = (log.notes(pack["checkpoint"].encode()) or [None])[-1]
    if not (note and note.is_signed(log.keys) and pack["entries"]): raise Bad("integrity", "no known key signed it")
    for entry in pack["entries"]:
        seq, line, path = entry["seq"], entry["body"].encode() + b"\n", [*map(base64.b64decode, entry["proof"])]
        if climb(sha256(b"\0" + line[:-1]).digest(), seq - 1, note.size, path) != note.root or not parse(line, seq):
            raise Bad("integrity", f"first bad entry: {seq}: its proof does not lead to the checkpoint")
        log.seen[seq] = line
    print(f"integrity: holds: {len(pack['entries'])} entries stand under the checkpoint of {note.size} entries")
    if note.text not in [n.text for n in witness]: raise Bad("completeness", "the witness does not hold the checkpoint")
    print("completeness: holds: the witness holds the checkpoint; only an export shows a gap\nfreshness: not judged")
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, extra in {"export": {"type": Path}, "--vkey": {"action": "append", "required": True}, "--origin": {},
                        "--witness": {"action": "append", "required": True}, "--now": {}, "--max-age": {"default": 24},
                        "--forms": {"action": "store_true"}}.items(): parser.add_argument(name, **extra)
    args = parser.parse_args()
    log = Log([parse_key(file.read_text() if (file := Path(key)).is_file() else key) for key in args.vkey])
    files = (file for path in map(Path, args.witness) for file in (path.rglob("*.txt") if path.is_dir() else [path]))
    if not (witness := log.notes(b"\n".join(file.read_bytes() for file in files))):
        raise Bad("input", f"the witness's copy holds no checkpoint of {log.name}")
    now, most = datetime.fromisoformat(args.now or f"{datetime.now(UTC)}"), timedelta(hours=float(args.max_age))
    pack = json.loads(args.export.read_bytes()) if args.export.suffix == ".json" else {"countersign_evidence_pack": 1}
    if pack["countersign_evidence_pack"] != 1: raise Bad("input", "this is no evidence pack that this script knows")
    try:
        if len(pack) > 1: return verify_pack(pack, log, witness)
        log.walk((zipfile.Path if args.export.is_file() else Path)(args.export), {n.size for n in witness}, args.forms)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Bad("integrity", f"first bad entry: after {max(log.seen, default=0)}: {error!r}") from None
    if log.size: print(f"integrity: holds: {log.size} entries, root {base64.b64encode(root_of(log.rows)).decode()}")
    size, line = log.compare(witness, args.origin)
    print(f"completeness: holds: witnessed up to entry {size}, {log.size - size} more stand on the signature alone")
    age = now - datetime.fromisoformat(json.loads(line)["at"]) if size else timedelta.max
    if not timedelta(minutes=-5) < age < most: raise Bad("freshness", f"{age} since witnessed")
    print(f"freshness: holds: the newest witnessed entry is {age} old")
if __name__ == "__main__":
    codes = {"integrity": 1, "completeness": 1, "freshness": 3, "input": 2}
    sys.stdout.reconfigure(errors="backslashreplace")
    try: sys.exit(main())
    except Exception as e: verdict, what = e.args if isinstance(e, Bad) else ("input", f"{type(e).__name__}: {e}")
    not_judged = [f"{later}: not judged" for later in [*codes][[*codes].index(verdict) + 1:3]]
    print(f"{verdict}: FAILS: {what}", *not_judged, sep="\n")
    sys.exit(codes[verdict])
