# ruff: noqa: ANN001, ANN201, B905, BLE001, D103, D205, D209, E401, E701, E702, I001, N818, PLW1510, RET503, RUF100, T201, TRY301
# fmt: off
# mypy: ignore-errors
"""Verify a Countersign ledger export (folder or zip) or evidence pack (.json) offline, without the portal.
Needs Python 3.11, and the package cryptography or openssl 3. Exits: 0 holds, 1 tampered or cut, 2 unusable, 3 stale."""
import argparse, base64, contextlib, functools, itertools, json, re, subprocess, sys, tempfile, zipfile
from datetime import UTC, datetime, timedelta
from hashlib import sha256; from pathlib import Path
NOTE = rb"([^\n]+)\n([1-9]\d{0,17})\n([a-zA-Z0-9+/]{43}=)\n\n((?:\xe2\x80\x94 [^ \n]+ [a-zA-Z0-9+/]+={0,2}\n)+)"
class Bad(Exception): """Arguments: the verdict that fails (or "input"), and what is wrong."""
def node(left, right): return sha256(b"\1" + left + right).digest()
def grow(rows, lines):  # unpaired nodes of a Merkle tree, a row a level, after more lines as leaves (RFC 9162, 2.1.1)
    hashes, grown = [sha256(b"\0" + line[:-1]).digest() for line in lines], []
    while hashes or len(grown) < len(rows):
        row = (rows[len(grown)] if len(grown) < len(rows) else []) + hashes
        hashes = [node(left, right) for left, right in zip(row[::2], row[1::2])]; grown.append(row[len(row) & ~1:])
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
            for x, raw in zip("kst", (b"0*0\5\6\3+ep\3!\0" + public, signature, text)): Path(folder, x).write_bytes(raw)
            command = "openssl pkeyutl -verify -pubin -keyform DER -rawin -inkey k -sigfile s -in t"
            said = subprocess.run(command.split(), cwd=folder, capture_output=True, timeout=60).stdout
        if b"Signature Verif" not in said: raise OSError("this openssl cannot verify; install openssl 3") from None
        return b"Success" in said
    except Exception: return False
def is_signed(note, keys):
    found = [(name.decode(errors="replace"), base64.b64decode(x[:len(x) // 4 * 4])) for name, x in note.signatures]
    return min([ed25519(key[2], x[4:], note.text) for key in keys for n, x in found if key[:2] == (n, x[:4])] or [0])
def parse_key(vkey):
    name, _, rest = vkey.strip().partition("+")
    key_id = sha256(f"{name}\n".encode() + (raw := base64.b64decode(rest[9:]))).digest()[:4]
    if (len(raw), key_id.hex()) == (33, rest[:8]): return name, key_id, raw[1:]
    raise ValueError(f"{vkey.strip()[:200]!r} is not an Ed25519 verifier key")
def parse(line, seq):  # the entry, if its text is canonical: no doubled key, no other order, spacing or escape
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        entry = json.loads(line, parse_float=lambda number: f"\0{number}\0")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace('"\\u0000', "")
        if text.replace('\\u0000"', "").encode() == line[:-1] and repr(entry["seq"]) == str(seq): return entry
    raise Bad("integrity", f"first bad entry: {seq}: its text is not that of ledger entry {seq}")
def lines_of(path, longest=(1 << 18) + 1, read="readline"):  # the most of an entry; a longer line comes in parts
    if not path.is_file() or getattr(path.root, "namelist", list)().count(path.name) > 1:
        raise Bad("input", f"{path.name!r} is missing, or no plain file, or twice in the zip")
    with path.open("rb") as file: yield from iter(functools.partial(getattr(file, read), longest), b"")
def read_notes(lines, log):  # the checkpoints of this log, one after another, however many
    last, note = [], b""
    for line in itertools.chain(lines, [b""]):
        if line.startswith(b"\xe2\x80\x94 ") and 0 < len(note) < 65536: note += line; continue
        if (m := re.fullmatch(NOTE, note)) and m[1].rpartition(b"/")[0] == log.encode():
            yield argparse.Namespace(origin=m[1].decode(errors="replace"), size=int(m[2]), root=base64.b64decode(m[3]),
                                     text=note[:m.start(4) - 1], signatures=re.findall(rb" ([^ ]+) ([^\n]+)", m[4]))
        last, note = [*last[-2:], line], b"".join(last) + line if line == b"\n" else b""
def walk(log, export, marks, forms):
    lines = lines_of(export / "entries.jsonl")
    for own in read_notes(lines_of(export / "checkpoints.txt", 4096), log.name):
        start, rows = log.size, log.rows
        try:
            while (first := log.size + 1) <= own.size:
                piece = [*itertools.islice(lines, min(250, own.size - log.size, marks[-1] - log.size))]
                if not piece: raise Bad("integrity", f"first bad entry: {first}: missing")
                log.rows, log.size = grow(log.rows, piece), log.size + len(piece)
                for seq, line in enumerate(piece, first):  # the last "seq" whose quotes are not escaped is the entry's
                    if forms or not line.startswith(b"%d," % seq, line.rfind(b',"seq":') + 7): parse(line, seq)
                if log.size == marks[-1]: log.seen[marks.pop()] = [log.origin, root_of(log.rows), line]
            if own.root != root_of(log.rows): raise Bad("integrity", f"first bad entry: after {start}: other root")
            entry = parse(line, own.size)
        except Bad: name_first(log, export, rows, start); raise
        follow(log, own, entry)
    if next(lines, b""): raise Bad("integrity", f"first bad entry: {log.size + 1}: no checkpoint covers it")
def name_first(log, export, rows, start):  # the entry after those that a row of signed steps vouches for
    file, end, lines = export / "steps.txt", start, itertools.islice(lines_of(export / "entries.jsonl"), start, None)
    for step in read_notes(lines_of(file, 4096) if file.is_file() else (), log.name):
        if step.size == end + 1 <= min(log.size, start + 5000) and is_signed(step, log.keys):
            end, rows = step.size, grow(rows, [next(lines)])
            if step.root != root_of(rows): raise Bad("integrity", f"first bad entry: {end}: it is not the signed one")
    if end < log.size: raise Bad("integrity", f"first bad entry: {end + 1} or a later one, no signed step tells which")
def follow(log, note, entry):  # checks a signature, takes new keys and origins from the log
    after, signed = entry["after"], is_signed(note, [k for k, until in log.keys.items() if entry["at"] <= until])
    if signed and entry["action"] == "ledger:origin:opened":
        log.origin = after["origin"]; log.lost.update({x["origin"]: x["size"] for x in after["last_witnessed"]})
    if note.origin != log.origin or not signed:
        raise Bad("integrity", f"no known key signed the checkpoint of {note.size} entries for {log.origin}")
    if entry["action"] == "ledger:key:rotated":
        log.keys.update({parse_key(after["retires"]): after["until"], parse_key(after["vkey"]): "9"})
    log.seen.get(note.size, [""])[0] = log.origin
def compare(log, witness, expected, agreed=(0, b"")):  # the last entry on which log and witness agree
    for note in sorted(witness, key=lambda note: note.size):
        origin, root, line = log.seen.get(note.size, ("", b"", b""))
        if (origin, root) == (note.origin, note.root): agreed = (note.size, line)
        elif origin == note.origin or note.size > log.lost.get(note.origin, 0) or not is_signed(note, log.keys):
            what, signed = "fork" if origin == note.origin else "cut", "" if is_signed(note, log.keys) else "not "
            raise Bad("completeness", f"{what}: the witness holds {note.size} other entries, {signed}signed by a known "
                      f"key; first bad entry: after {agreed[0]}; this export has {log.size}")
    if log.origin == (expected or f"{log.name}/1"): return agreed
    raise Bad("completeness", f"this log is {log.origin}; read why a restore opened it, and pass --origin {log.origin}")
def verify_pack(pack, log, witness):
    note = ([*read_notes(pack["checkpoint"].encode().splitlines(keepends=True), log.name)] or [None])[-1]
    if not (note and is_signed(note, log.keys) and pack["entries"]): raise Bad("integrity", "no known key signed it")
    for entry in pack["entries"]:
        seq, line, path = entry["seq"], entry["body"].encode() + b"\n", [*map(base64.b64decode, entry["proof"])]
        if climb(sha256(b"\0" + line[:-1]).digest(), seq - 1, note.size, path) != note.root or not parse(line, seq):
            raise Bad("integrity", f"first bad entry: {seq}: its proof does not lead to the checkpoint")
        log.size = seq
    print(f"integrity: holds: {len(pack['entries'])} entries stand under the checkpoint of {note.size} entries")
    if note.text not in [n.text for n in witness]: raise Bad("completeness", "the witness does not hold the checkpoint")
    print("completeness: holds: the witness holds the checkpoint; only an export shows a gap\nfreshness: not judged")
def once(pairs): return dict(pairs) if len(dict(pairs)) == len(pairs) else {}  # of doubled keys, nothing is taken
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, extra in {"export": {"type": Path}, "--vkey": {"action": "append", "required": True}, "--origin": {},
                        "--witness": {"action": "append", "required": True}, "--now": {}, "--max-age": {"default": 24},
                        "--forms": {"action": "store_true"}}.items(): parser.add_argument(name, **extra)
    args, export = (given := parser.parse_args()), given.export
    keys = [parse_key(file.read_text() if (file := Path(key)).is_file() else key) for key in args.vkey]
    name, until = keys[0][0], dict.fromkeys(keys, "9")
    log = argparse.Namespace(name=name, origin=f"{name}/1", keys=until, rows=[], size=0, seen={}, lost={})
    files = (file for path in map(Path, args.witness) for file in [*path.rglob("*.txt")] or [path])
    witness = [*itertools.islice((note for file in files for note in read_notes(lines_of(file, 4096), name)), 10**6)]
    if not 0 < len(witness) < 10**6: raise Bad("input", f"the witness holds {len(witness)} checkpoints of {name}")
    now, most = datetime.fromisoformat(args.now or f"{datetime.now(UTC)}"), timedelta(hours=float(args.max_age))
    pack = json.loads(next(lines_of(export, 9**9, "read")), object_pairs_hook=once) if export.suffix == ".json" else 0
    if pack and pack["countersign_evidence_pack"] != 1: raise Bad("input", "this script does not know such a pack")
    try:
        if pack: return verify_pack(pack, log, witness)
        marks = sorted({10**18, *(note.size for note in witness)}, reverse=True)
        walk(log, (zipfile.Path if export.is_file() else Path)(export), marks, args.forms)
        print(f"integrity: holds: {log.size} entries, root {base64.b64encode(root_of(log.rows or [[b'']])).decode()}")
        size, line = compare(log, witness, args.origin)
        age = now.astimezone(UTC) - datetime.fromisoformat(parse(line, size)["at"]) if size else timedelta.max
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Bad("integrity", f"first bad entry: after {log.size}: {error!r}") from None
    print(f"completeness: holds: witnessed up to entry {size}, {log.size - size} more stand on the signature alone")
    if not timedelta(minutes=-5) < age < most: raise Bad("freshness", f"{age} since witnessed")
    print(f"freshness: holds: the newest witnessed entry is {age} old")
if __name__ == "__main__":
    codes = {"integrity": 1, "completeness": 1, "freshness": 3, "input": 2}
    sys.stdout.reconfigure(errors="backslashreplace")
    try: sys.exit(main())
    except Exception as e: verdict, what = e.args if isinstance(e, Bad) else ("input", f"{type(e).__name__}: {e}")
    print(f"{verdict}: FAILS: {what}", *(f"{x}: not judged" for x in [*codes][[*codes].index(verdict) + 1:3]), sep="\n")
    sys.exit(codes[verdict])
