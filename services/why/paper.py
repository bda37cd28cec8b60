"""The dossier as a PDF for printing and filing (reportlab)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from services.domain.lineage import Certainty, Fact
from services.domain.why.reasons import METHODS, SAYS, SAYS_NOT, Neighbour, Reasons
from services.why.gathered import Gathered
from services.why.page import given_rows, proof_lines, rows_of, unproven

PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
TEXT_LIMIT = 1500
CARD_LIMIT = 20_000
HEADED = 90
"""Space that a section's title needs below it, in points."""
COLOURS = {Certainty.KNOWN: "#1a7f37", Certainty.UNKNOWN: "#5c6670", Certainty.CONTRADICTED: "#b42318"}


def paper_pdf(gathered: Gathered) -> bytes:
    """The file's bytes."""
    from reportlab.lib.pagesizes import A4  # type: ignore[import-untyped]  # it has no types
    from reportlab.lib.units import mm  # type: ignore[import-untyped]  # it has no types
    from reportlab.platypus import SimpleDocTemplate  # type: ignore[import-untyped]  # it has no types

    target = io.BytesIO()
    title = f"Dossier of prediction {gathered.answer.record.request_id}"
    document = SimpleDocTemplate(
        target, pagesize=A4, leftMargin=18 * mm, rightMargin=18 * mm, topMargin=16 * mm, bottomMargin=16 * mm,
        title=title, author="Countersign", subject=gathered.answer.sentence[:500],
    )  # fmt: skip
    writer = _Writer(document.width)
    _tell(writer, gathered)
    document.build(writer.flow, onFirstPage=writer.foot(title), onLaterPages=writer.foot(title))
    return target.getvalue()


def _tell(writer: _Writer, gathered: Gathered) -> None:
    answer = gathered.answer
    writer.title("Why did the model predict this?")
    writer.text(answer.sentence, style="answer")
    writer.text(f"Made at {gathered.made_at} by {gathered.made_by}.", style="soft")
    writer.lines(answer.caveats)
    writer.heading("What was predicted")
    writer.lines(gathered.predicted)
    writer.heading("Why it was approved")
    _tell_given(writer, gathered)
    writer.heading("Parts of the answer")
    writer.table(("Part", "Value", "Certainty", "Source"), [_fact(f) for f in answer.facts], (0.14, 0.42, 0.13, 0.31))
    writer.heading("The prediction as logged")
    writer.table(("What", "Value"), [(_e(k), _e(v)) for k, v in rows_of(gathered)], (0.3, 0.7))
    writer.heading("Scored again")
    writer.text(gathered.replay.sentence if gathered.replay else "It was not scored again.")
    writer.lines([mismatch.sentence() for mismatch in gathered.replay.mismatches] if gathered.replay else [])
    if gathered.reasons:
        _tell_reasons(writer, gathered.reasons)
    if gathered.problems:
        writer.heading("Missing")
        writer.lines(gathered.problems)
    if gathered.card:
        writer.heading("Model card")
        _tell_card(writer, gathered.card[:CARD_LIMIT])
    writer.heading("Proof")
    _tell_proof(writer, gathered)


def _tell_given(writer: _Writer, gathered: Gathered) -> None:
    if gathered.why_no_reasons:
        writer.text(gathered.why_no_reasons)
        return
    rows = [tuple(map(_e, row)) for row in given_rows(gathered)]
    writer.table(("Who", "Reason", "Source"), rows, (0.3, 0.52, 0.18))


def _tell_reasons(writer: _Writer, reasons: Reasons) -> None:
    writer.heading("Reasons")
    writer.text(reasons.in_words())
    writer.bars([(f"{i.name} = {i.value}", i.moved) for i in reasons.inputs[:15]])
    writer.text(reasons.sum_check(), style="soft")
    writer.text(f"Method: {METHODS.get(reasons.method, reasons.method)}. {SAYS}", style="soft")
    writer.lines(SAYS_NOT)
    for title, near in (
        ("Nearest training examples", reasons.nearest),
        ("With another outcome", reasons.nearest_other),
    ):
        if near:
            writer.text(title, style="strong")
            writer.lines([_near(n) for n in near])
    if reasons.neighbours_problem:
        writer.text(reasons.neighbours_problem)


def _tell_card(writer: _Writer, card: str) -> None:
    """The Markdown that most cards use: headings, paragraphs, tables as lines; anything else is left as it is."""
    for block in card.replace("**", "").replace("\r\n", "\n").split("\n\n"):
        head, _, rest = block.strip().partition("\n")
        if head.startswith("#"):
            writer.text(head.lstrip("# "), style="strong")
            head = ""
        lines = (_cells(line) for line in f"{head}\n{rest}".strip().splitlines())
        writer.text("\n".join(line for line in lines if line))


def _cells(line: str) -> str:
    """A line; one of a table as its cells, and nothing for the rule under a table's head."""
    if not (line.startswith("|") and line.endswith("|") and len(line) > 1):
        return line
    cells = [cell.strip() for cell in line[1:-1].split("|")]
    return "" if all(cell and not cell.strip("-:") for cell in cells) else " · ".join(cells)


def _near(found: Neighbour) -> str:
    differing = ", ".join(f"{name} = {found.inputs[name]}" for name in found.differs_in[:6]) or "nothing"
    return f"outcome {found.outcome}, distance {found.distance:.3f}; differs in {differing}"


def _tell_proof(writer: _Writer, gathered: Gathered) -> None:
    if gathered.pack is None:
        writer.text(unproven(gathered))
        return
    writer.text("These entries are in the ledger; evidence-pack.json has their proofs, verify_ledger.py checks them.")
    writer.table(("Entry", "What it says"), [(_e(n), _e(text)) for n, text in proof_lines(gathered)], (0.1, 0.9))
    writer.text("Signed checkpoint:", style="strong")
    writer.text(str(gathered.pack["checkpoint"]), style="soft")


def _fact(fact: Fact) -> tuple[str, ...]:
    value = fact.value
    if fact.certainty is Certainty.CONTRADICTED:
        value = "; ".join(f"{claim.value} ({claim.source})" for claim in fact.claims)
    certainty = f'<font color="{COLOURS[fact.certainty]}">{fact.certainty.value}</font>'
    return _e(fact.name), _e(value), certainty, _e(", ".join(fact.sources) or fact.hint)


def _e(value: Any) -> str:
    text = str(value)
    return escape(text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]} …").replace("\n", "<br/>")


class _Writer:
    """Collects the flow of the document."""

    def __init__(self, width: float) -> None:
        from reportlab.lib.colors import HexColor  # type: ignore[import-untyped]  # it has no types
        from reportlab.lib.styles import ParagraphStyle  # type: ignore[import-untyped]  # it has no types

        plain, bold = _fonts()
        base = ParagraphStyle("text", fontName=plain, fontSize=9, leading=12.5, spaceAfter=4)
        self._styles = {
            "text": base,
            "title": ParagraphStyle("title", base, fontName=bold, fontSize=16, leading=20, spaceAfter=8),
            "heading": ParagraphStyle("heading", base, fontName=bold, fontSize=11.5, leading=15, spaceBefore=10),
            "answer": ParagraphStyle("answer", base, fontSize=11, leading=15.5, spaceAfter=8, leftIndent=8),
            "strong": ParagraphStyle("strong", base, fontName=bold),
            "soft": ParagraphStyle("soft", base, fontSize=8, leading=11, textColor=HexColor("#5c6670")),
            "cell": ParagraphStyle("cell", base, fontSize=8, leading=10.5, spaceAfter=0, splitLongWords=1),
        }
        self._width = width
        self._plain = plain
        self.flow: list[Any] = []

    def title(self, text: str) -> None:
        """The document's title."""
        self.text(text, style="title")

    def heading(self, text: str) -> None:
        """A section's title, on a new page where too little of the section would fit below it."""
        from reportlab.platypus import CondPageBreak

        self.flow.append(CondPageBreak(HEADED))
        self.text(text, style="heading")

    def text(self, text: str, *, style: str = "text") -> None:
        """A paragraph of plain text, cut where it would not fit a page."""
        from reportlab.platypus import Paragraph

        for part in [text[i : i + TEXT_LIMIT] for i in range(0, len(text), TEXT_LIMIT)]:
            self.flow.append(Paragraph(_e(part), self._styles[style]))

    def lines(self, lines: Sequence[str]) -> None:
        """A list."""
        for line in lines:
            self.text(f"• {line}")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
        """A table that may span pages; cells are already escaped."""
        from reportlab.lib.colors import HexColor
        from reportlab.platypus import Paragraph, Table

        cell = self._styles["cell"]
        body = [[Paragraph(f"<b>{_e(name)}</b>", cell) for name in head]]
        body += [[Paragraph(text, cell) for text in row] for row in rows]
        look = [("LINEBELOW", (0, 0), (-1, -1), 0.3, HexColor("#d0d7de")), ("VALIGN", (0, 0), (-1, -1), "TOP")]
        widths = [share * self._width for share in shares]
        self.flow.append(Table(body, colWidths=widths, repeatRows=1, style=look, spaceAfter=6))

    def bars(self, bars: Sequence[tuple[str, float]]) -> None:
        """Contribution of each input: raised to the right, lowered to the left, with the number beside it."""
        from reportlab.graphics.shapes import Drawing, Line, Rect, String  # type: ignore[import-untyped]  # it has no types
        from reportlab.lib.colors import HexColor

        widest = max((abs(moved) for _, moved in bars), default=0.0) or 1.0
        height, middle, reach = 14 * len(bars) + 4, 0.62 * self._width, 0.25 * self._width
        drawing = Drawing(self._width, height)
        drawing.add(Line(middle, 0, middle, height, strokeColor=HexColor("#9aa5b1"), strokeWidth=0.5))
        for number, (name, moved) in enumerate(bars):
            y, length = height - 14 * (number + 1), abs(moved) / widest * reach
            left = middle if moved > 0 else middle - length
            colour = HexColor("#c2571a" if moved > 0 else "#2563a8")
            drawing.add(Rect(left, y, length, 9, fillColor=colour, strokeColor=None))
            drawing.add(String(0, y + 1, name[:48], fontName=self._plain, fontSize=8))
            drawing.add(String(self._width - 42, y + 1, f"{moved:+.4f}", fontName=self._plain, fontSize=8))
        self.flow.append(drawing)

    def foot(self, title: str) -> Any:
        """Draws the footer of a page."""

        def draw(canvas: Any, document: Any) -> None:
            canvas.setFont(self._plain, 7)
            canvas.drawString(document.leftMargin, 24, title[:110])
            canvas.drawRightString(document.leftMargin + document.width, 24, f"page {document.page}")

        return draw


def _fonts() -> tuple[str, str]:
    """DejaVu, which matplotlib ships and most alphabets are in; else Helvetica, which has western letters only."""
    from reportlab.pdfbase import pdfmetrics  # type: ignore[import-untyped]  # it has no types
    from reportlab.pdfbase.ttfonts import TTFont  # type: ignore[import-untyped]  # it has no types

    found = importlib.util.find_spec("matplotlib")
    folder = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" if found and found.origin else Path()
    if not (folder / f"{PLAIN}.ttf").is_file():
        return "Helvetica", "Helvetica-Bold"
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, folder / f"{name}.ttf"))
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    return PLAIN, BOLD
