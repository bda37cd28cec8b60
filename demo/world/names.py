"""The registered models of the demo. No imports: processes that must stay small read it."""

MODEL = "census-income"
BIKES = "bike-demand"
AWKWARD = 'Zins & Kredit "Müller" <b>neu<b> *v2* 🚲'
SOUND, RUN_DELETED, UNDOCUMENTED = 1, 2, 3
"""Versions of the bike model: one whose run was deleted, one without data set and description."""
