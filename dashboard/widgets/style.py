"""One small stylesheet for the pieces in `markup`. Colours come in a light and a dark set, both checked for contrast."""

from __future__ import annotations

import streamlit as st

_LIGHT = {
    "line": "#DDD7C9", "soft": "#56606B", "card": "#FFFFFF", "ink": "#1F3A5F", "link": "#1D4F91",
    "good": "#17653A", "good-b": "#E2F1E6", "bad": "#A3211B", "bad-b": "#F9E6E2", "warn": "#7E4500", "warn-b": "#FAEBD3",
    "info": "#1D4F91", "info-b": "#E4EDF7", "mute": "#505A65", "mute-b": "#EEEBE3", "violet": "#6B3A86",
    "violet-b": "#F1E8F5",
}  # fmt: skip
_DARK = {
    "line": "#323D4B", "soft": "#A6B0BC", "card": "#161C25", "ink": "#9DC1F2", "link": "#9DC1F2",
    "good": "#93D6AC", "good-b": "#16321F", "bad": "#F5A9A2", "bad-b": "#3C1E1D", "warn": "#EFBD80", "warn-b": "#3A2A14",
    "info": "#A9C9F5", "info-b": "#182B45", "mute": "#B4BDC8", "mute-b": "#252D38", "violet": "#D6B6EA",
    "violet-b": "#2F2139",
}  # fmt: skip
_TONES = ("good", "bad", "warn", "info", "mute", "violet")

_RULES = """
.cs-row{display:flex;flex-wrap:wrap;gap:.4rem .5rem;align-items:center}
.cs-soft{color:var(--cs-soft)}
.cs-badge{display:inline-block;max-width:100%;padding:.05rem .5rem;border-radius:999px;font-size:.82rem;
 font-weight:600;line-height:1.5;white-space:nowrap;overflow:hidden;text-overflow:ellipsis;vertical-align:middle}
.cs-name{font-family:"Source Serif","Source Serif 4",Georgia,serif;font-weight:600;font-size:1.9rem;line-height:1.2;
 overflow-wrap:anywhere;margin:0 0 .3rem}
.cs-facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.7rem 1.4rem;margin:0;padding:0!important}
.cs-facts div{min-width:0}.cs-facts dt{color:var(--cs-soft);font-size:.82rem;margin:0}
.cs-facts dd{margin:0;overflow-wrap:anywhere}
.cs-list{margin:.2rem 0;padding-left:1.3rem!important}.cs-list li{margin:.15rem 0;overflow-wrap:anywhere}
.cs-prose{white-space:pre-wrap;overflow-wrap:anywhere}
.cs-scroll{overflow-x:auto;max-width:100%}
.cs-table{border-collapse:collapse;width:100%;font-size:.93rem;font-variant-numeric:tabular-nums}
.cs-table caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cs-table th{text-align:left;font-weight:600;color:var(--cs-soft);font-size:.82rem;border-bottom:1px solid var(--cs-line);
 padding:.35rem .7rem .35rem 0;white-space:nowrap}
.cs-table td{border-bottom:1px solid var(--cs-line);padding:.45rem .7rem .45rem 0;vertical-align:top;overflow-wrap:anywhere;
 min-width:4.5rem}
.cs-table tr.cs-differs td:first-child{border-left:3px solid var(--cs-ink);padding-left:.5rem}
.cs-empty{border:1px dashed var(--cs-line);border-radius:.4rem;padding:1.1rem 1.2rem;display:flex;flex-direction:column;gap:.2rem}
.cs-empty span{color:var(--cs-soft)}
.cs-verdict{border-left:5px solid;border-radius:.2rem;padding:.8rem 1.1rem;font-size:1.12rem;line-height:1.45;overflow-wrap:anywhere}
.cs-verdict strong{display:block;font-size:1.3rem;font-family:"Source Serif","Source Serif 4",Georgia,serif}
.cs-answer{font-family:"Source Serif","Source Serif 4",Georgia,serif;font-size:1.35rem;line-height:1.5;
 border-left:5px solid var(--cs-ink);padding:.2rem 0 .2rem 1.1rem;overflow-wrap:anywhere}
.cs-line{display:grid;grid-template-columns:1.1rem minmax(0,1fr);gap:0 .7rem;padding:0;margin:0;list-style:none}
.cs-time{list-style:none;margin:0;padding:0!important}
.cs-time>li{position:relative;padding:0 0 1rem 1.5rem;overflow-wrap:anywhere}
.cs-time>li::before{content:"";position:absolute;left:.32rem;top:.55rem;width:.6rem;height:.6rem;border-radius:50%;
 background:var(--cs-dot,var(--cs-mute));outline:3px solid var(--cs-back)}
.cs-time>li::after{content:"";position:absolute;left:.57rem;top:1.4rem;bottom:-.3rem;width:1px;background:var(--cs-line)}
.cs-time>li:last-child::after{display:none}
.cs-time details{margin-top:.2rem}.cs-time summary{cursor:pointer;color:var(--cs-link)}
.cs-time pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8rem;margin:.3rem 0;max-height:18rem;overflow:auto}
.cs-stages{display:flex;flex-wrap:wrap;gap:.7rem;margin:0;padding:0!important;list-style:none}
.cs-stages>li{flex:1 1 15rem;min-width:0;border:1px solid var(--cs-line);border-top:4px solid var(--cs-dot,var(--cs-mute));
 border-radius:.4rem;padding:.7rem .9rem;background:var(--cs-card)}
.cs-stages ul{list-style:none;margin:.5rem 0 0;padding:0!important}
.cs-stages ul li{display:flex;justify-content:space-between;gap:.6rem;padding:.18rem 0;font-size:.9rem;overflow-wrap:anywhere}
.cs-stages ul li.cs-issue{display:block;color:var(--cs-bad);font-size:.85rem}
.cs-check{border-left:4px solid var(--cs-dot);padding:.1rem 0 .1rem .9rem;margin:0 0 .85rem;overflow-wrap:anywhere}
.cs-bar{height:.4rem;border-radius:99px;background:var(--cs-mute-b);overflow:hidden}.cs-bar i{display:block;height:100%;background:var(--cs-ink)}
.cs-lin{display:flex;align-items:center;padding:.2rem 0}
.cs-lin-col{flex:3 1 0;min-width:0;display:flex;flex-direction:column;gap:.5rem}
.cs-lin-node{border:1px solid var(--cs-line);border-left:4px solid var(--cs-info);border-radius:.4rem;padding:.5rem .7rem;
 background:var(--cs-card);min-width:0;overflow-wrap:anywhere;line-height:1.35}
.cs-lin-node em{display:block;font-style:normal;font-size:.75rem;color:var(--cs-soft)}
.cs-lin-node b{font-weight:600;display:block}.cs-lin-node small{color:var(--cs-soft)}
.cs-lin-version{border-left-color:var(--cs-ink);border-width:2px 2px 2px 4px}.cs-lin-environment{border-left-color:var(--cs-good)}
.cs-lin-dataset{border-left-color:var(--cs-violet)}.cs-lin-request{border-left-color:var(--cs-warn)}
.cs-lin-unknown{border-style:dashed;color:var(--cs-soft)}
.cs-lin-arrow{flex:1 1 0;min-width:3.4rem;text-align:center;font-size:.72rem;color:var(--cs-soft);line-height:1.2;padding:0 .3rem}
.cs-lin-arrow::after{content:"";display:block;height:.5rem;margin-top:.15rem;
 background:linear-gradient(var(--cs-soft),var(--cs-soft)) left center/100% 1.5px no-repeat;
 mask:none;border-right:0;clip-path:polygon(0 40%,calc(100% - 7px) 40%,calc(100% - 7px) 0,100% 50%,calc(100% - 7px) 100%,calc(100% - 7px) 60%,0 60%);
 background-color:var(--cs-soft)}
.cs-lin-arrow span{display:block}
.st-key-cs-narrow{display:none}
.stHtml a{color:var(--cs-link);text-underline-offset:.15em}
[data-testid="stMain"] [data-testid="stPageLink"] a{padding:0;background:none!important;min-height:0;max-width:100%}
[data-testid="stMain"] [data-testid="stPageLink"] a p{font-size:1.02rem;color:var(--cs-link);text-decoration:underline;
 text-decoration-color:color-mix(in srgb,var(--cs-link) 40%,transparent);text-underline-offset:.2em;overflow-wrap:anywhere}
[data-testid="stMain"] [data-testid="stPageLink"] a:hover p{text-decoration-color:currentColor}
[data-testid="stMain"] [data-testid="stPageLink"] a:focus-visible{outline:2px solid var(--cs-ink);outline-offset:2px}
[data-testid="stSidebarHeader"] [data-testid="stLogoLink"]{display:inline-flex;align-items:center;gap:.6rem;color:inherit}
[data-testid="stSidebarHeader"] [data-testid="stLogoLink"]::after{content:"Countersign";font-family:"Source Serif",Georgia,serif;
 font-weight:600;font-size:1.3rem;letter-spacing:.01em}
.st-key-cs-narrow{display:none}
.stHtml a{color:var(--cs-link);text-underline-offset:.15em}
[data-testid="stMain"] [data-testid="stPageLink"] a{padding:0;background:none!important;min-height:0;max-width:100%}
[data-testid="stMain"] [data-testid="stPageLink"] a p{font-size:1.02rem;color:var(--cs-link);text-decoration:underline;
 text-decoration-color:color-mix(in srgb,var(--cs-link) 40%,transparent);text-underline-offset:.2em;overflow-wrap:anywhere}
[data-testid="stMain"] [data-testid="stPageLink"] a:hover p{text-decoration-color:currentColor}
[data-testid="stMain"] [data-testid="stPageLink"] a:focus-visible{outline:2px solid var(--cs-ink);outline-offset:2px}
[data-testid="stSidebarHeader"]{justify-content:flex-start}
[data-testid="stSidebarHeader"] [data-testid="stSidebarLogo"]{margin-right:.6rem}
[data-testid="stSidebarHeader"]>*:last-child{margin-left:auto}
[data-testid="stSidebarLogo"]+*::before,.cs-brand{font-family:"Source Serif",Georgia,serif;font-weight:600;font-size:1.25rem}
[data-testid="stMainBlockContainer"]{padding-left:2.6rem;padding-right:2.6rem;max-width:90rem}
[data-testid="stSidebarUserContent"]{padding-top:0}[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"]{gap:.15rem}
[data-testid="stMetricValue"]{font-variant-numeric:tabular-nums}
@media (max-width:640px){[data-testid="stMainBlockContainer"]{padding-left:1rem;padding-right:1rem}
 .st-key-cs-wide{display:none}.st-key-cs-narrow{display:flex}
 .cs-lin{flex-direction:column;align-items:stretch}.cs-lin-col{flex:none}
 .cs-lin-arrow{padding:.25rem 0 .25rem 1rem;text-align:left}.cs-lin-arrow::before{content:"↓ "}.cs-lin-arrow::after{display:none}
 .cs-lin-arrow span{display:inline}
 .cs-name{font-size:1.5rem}.cs-answer{font-size:1.12rem}
 .cs-stack thead{display:none}.cs-stack tr{display:block;padding:.6rem 0;border-bottom:1px solid var(--cs-line)}
 .cs-stack td .cs-badge{justify-self:start}.cs-stack td{display:grid;grid-template-columns:7rem minmax(0,1fr);border:0;padding:.12rem 0}
 .cs-stack td::before{content:attr(data-label);color:var(--cs-soft);font-size:.85rem}}
@media (prefers-reduced-motion:reduce){*{animation-duration:.01ms!important;transition-duration:.01ms!important}}
"""


def is_dark() -> bool:
    """True when this session shows the dark theme."""
    return str(st.context.theme.get("type") or "light") == "dark"


def stylesheet(*, dark: bool) -> str:
    """The whole stylesheet for one of the two themes."""
    colours = _DARK if dark else _LIGHT
    variables = "".join(f"--cs-{name}:{value};" for name, value in colours.items())
    back = "#11161D" if dark else "#FDFCF9"
    tones = "".join(f".cs-{t}{{color:var(--cs-{t});background:var(--cs-{t}-b)}}" for t in _TONES)
    dots = "".join(f".cs-dot-{t}{{--cs-dot:var(--cs-{t});border-color:var(--cs-{t})}}" for t in _TONES)
    both = "".join(f"--cs-{name}:light-dark({value},{_DARK[name]});" for name, value in _LIGHT.items())
    # Dialogs stand outside .stApp and take the theme of the last run; inside, the browser follows a switch by itself.
    return f":root{{{variables}--cs-back:{back}}}.stApp{{{both}--cs-back:light-dark(#FDFCF9,#11161D)}}{_RULES}{tones}{dots}"


def inject() -> None:
    """Put the stylesheet on the page."""
    st.html(f"<style>{stylesheet(dark=is_dark())}</style>")
