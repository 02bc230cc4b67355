"""Pieces of a self-contained HTML page: text, numbers, tables, figures. Nothing is loaded from anywhere."""
import math
import re
from html import escape
from pathlib import Path

TINY = 5e-3  # below it differences are printed in powers of ten: what is of rounding size must not look like zero


def element(name, content, **attributes):
    """<name ...>content</name>; content is HTML. `cls` stands for class."""
    text = "".join(f' {"class" if key == "cls" else key}="{escape(str(value))}"' for key, value in attributes.items() if value)
    return f"<{name}{text}>{content}</{name}>"


def number(value, digits=3):
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def difference(value, like=None):
    """Signed; as a power of ten where it (or `like`, the largest of a group) is small, an exact zero as 0."""
    if value is None or math.isnan(value):
        return "-"
    small = abs(like if like is not None else value) < TINY
    return "0" if value == 0 else f"{value:+.1e}" if small else f"{value:+.3f}"


def interval(estimate):
    """"-0.125" and "[-0.337, +0.087]"; the second empty where n allows no interval."""
    if math.isnan(estimate.low):
        return difference(estimate.mean), ""
    largest = max(abs(estimate.mean), abs(estimate.low), abs(estimate.high))
    return difference(estimate.mean, min(largest, abs(estimate.mean) * 10)), f"[{difference(estimate.low, largest)}, {difference(estimate.high, largest)}]"


def p_value(value):
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else "1" if value == 1 else f"{value:.3f}"


def table(header, rows, text_columns=()):
    """`rows`: (class, [cells as HTML]). The first column is text always."""
    head = element("tr", "".join(element("th", name, cls="text" if column in text_columns else None) for column, name in enumerate(header)))
    body = "".join(element("tr", "".join(element("td", cell, cls="text" if column in text_columns else None) for column, cell in enumerate(cells)), cls=cls)
                   for cls, cells in rows)
    return element("div", element("table", element("thead", head) + element("tbody", body)), cls="scroll")


def figure(panel, svg, number):
    """A panel with its title. Ids inside SVGs are made unique on the page."""
    text = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match.group(1)}f{number}-", svg)
    return element("figure", element("figcaption", escape(panel.title)) + text, cls="wide" if panel.wide else None)


def document(title, body):
    css = (Path(__file__).parent / "page.css").read_text()
    return ('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>\n{css}</style></head>\n<body><main>\n{body}\n</main></body></html>\n")
