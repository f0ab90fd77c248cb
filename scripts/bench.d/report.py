"""Tables: for the terminal and as Markdown, out of the JSON form."""

import statistics

from cases import CASES
from servers import PEERS

COLUMNS = [
    ("cpu_us", "CPU per request, µs", "{:.1f}"),
    ("rps", "requests/s", "{:,.0f}"),
    ("p50_ms", "p50, ms", "{:.2f}"),
    ("p99_ms", "p99, ms", "{:.2f}"),
    ("memory", "memory, MiB", "{:.0f}"),
    ("hit_ratio", "hits", "{:.1%}"),
    ("origin_requests", "origin requests", "{:,.0f}"),
    ("failed", "failed", "{:,.0f}"),
]


def medians(rounds):
    """Medians of a case by peer and column."""
    table = {}
    for name in PEERS:
        results = [results[name] for results in rounds if results.get(name)]
        if not results:
            continue
        table[name] = {
            key: statistics.median(result[key] for result in results)
            for key, _, _ in COLUMNS
            if all(result.get(key) is not None for result in results)
        }
        if "cpu_us" in table[name]:
            values = [result["cpu_us"] for result in results]
            table[name]["cpu_us_range"] = [min(values), max(values)]
    return table


def shown(key, form, value):
    return form.format(value / 1024 / 1024 if key == "memory" else value)


def case_rows(table):
    """Header and rows of one case's table."""
    columns = [
        (key, title, form)
        for key, title, form in COLUMNS
        if any(key in row for row in table.values()) and (key != "failed" or any(row.get(key) for row in table.values()))
    ]
    by_cpu = any("cpu_us" in row for row in table.values())
    header = ["", *(title for _, title, _ in columns), *(["popgate's CPU to it"] if by_cpu else [])]
    rows = []
    ours = table.get("popgate", {}).get("cpu_us")
    for name, row in table.items():
        cells = [name]
        for key, _, form in columns:
            text = shown(key, form, row[key]) if key in row else "–"
            if key == "cpu_us" and key in row:
                low, high = row["cpu_us_range"]
                text += f" ({low:.1f}–{high:.1f})"
            cells.append(text)
        if by_cpu:
            ratio = ours / row["cpu_us"] if ours and row.get("cpu_us") else None
            cells.append("–" if ratio is None or name == "popgate" else f"{ratio:.2f}")
        rows.append(cells)
    return header, rows


def markdown(run):
    machine, versions = run["machine"], run["versions"]
    lines = [
        f"# Benchmark of {run['date']}",
        "",
        f"Printed by `scripts/bench`. {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux "
        f"{machine['kernel']}. Load before the run: {machine['load_before']}. {run['rounds']} interleaved rounds of "
        f"{run['seconds']} s; medians, with the range of CPU per request in brackets. The server has one core, client "
        "and origin another. CPU is user and system time of all processes of a server; memory is their proportional "
        "set size. wrk with 64 kept connections for HTTP/1.1, h2load with 32 connections of 10 streams for HTTP/2.",
        "",
        "Versions: " + "; ".join(text for text in versions.values() if text) + ".",
        "",
    ]
    for case, rounds in run["cases"].items():
        header, rows = case_rows(medians(rounds))
        lines += [f"## {CASES[case]}", "", "| " + " | ".join(header) + " |", "|---|" + "--:|" * (len(header) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def terminal(case, rounds):
    header, rows = case_rows(medians(rounds))
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [CASES[case]]
    for row in [header, *rows]:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  " + "  ".join(cells))
    return "\n".join(lines) + "\n"
