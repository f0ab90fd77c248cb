"""CPU per request as bars: an SVG that is readable on light and dark pages."""

from xml.sax.saxutils import escape

from cases import CASES
from report import medians
from servers import PEERS

SHOWN = ["h1-1k", "h1-16k", "tls-1k", "h2-1k", "h2-16k", "304", "pass"]
COLOURS = {"popgate": "#d9480f", "nginx": "#2f9e44", "haproxy": "#1971c2", "varnish": "#7048e8"}
WIDTH, LEFT, RIGHT, BAR, GAP, GROUP = 760, 210, 60, 13, 3, 18


def svg(run):
    tables = {case: medians(rounds) for case, rounds in run["cases"].items() if case in SHOWN}
    tables = {case: tables[case] for case in SHOWN if case in tables}
    longest = max((row["cpu_us"] for table in tables.values() for row in table.values() if "cpu_us" in row), default=1)
    parts, y = [], 64
    for case, table in tables.items():
        rows = [(name, table[name]["cpu_us"]) for name in PEERS if "cpu_us" in table.get(name, {})]
        middle = y + len(rows) * (BAR + GAP) / 2
        parts.append(f'<text x="{LEFT - 10}" y="{middle:.0f}" text-anchor="end">{escape(CASES[case])}</text>')
        for name, value in rows:
            length = value / longest * (WIDTH - LEFT - RIGHT)
            weight = ' font-weight="bold"' if name == "popgate" else ""
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{COLOURS[name]}"/>'
                f'<text x="{LEFT + length + 5:.1f}" y="{y + BAR - 2}"{weight}>{value:.1f}</text>'
            )
            y += BAR + GAP
        y += GROUP
    legend, x = [], LEFT
    for name in PEERS:
        legend.append(
            f'<rect x="{x}" y="34" width="10" height="10" fill="{COLOURS[name]}"/><text x="{x + 14}" y="43">{name}</text>'
        )
        x += 90
    foot = f"{run['machine']['cpu']}, one core, {run['date']}, scripts/bench"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 16}" width="{WIDTH}" height="{y + 16}" '
        'role="img" font-family="system-ui, sans-serif" font-size="12" fill="#868e96">'
        "<title>CPU per request in microseconds; less is better</title>"
        f'<text x="{LEFT}" y="20" font-size="14">CPU per request in µs (less is better)</text>'
        + "".join(legend) + "".join(parts)
        + f'<text x="{LEFT}" y="{y + 6}" font-size="10">{escape(foot)}</text></svg>\n'
    )
