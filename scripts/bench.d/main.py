"""Runs the rounds and writes what came of them. Called by scripts/bench."""

import argparse
import datetime
import json
import os
import shutil
import signal
import sys
import tempfile

import plot
import report
import system
from cases import CASES, Bench
from servers import PEERS


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--binary", help="popgate to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    parser.add_argument("--only", default=",".join(CASES), help="cases, with commas: " + ", ".join(CASES))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--output", help="folder for the report [docs/benchmarks]")
    parser.add_argument("--quick", action="store_true", help="a smoke run; its figures mean nothing")
    parser.add_argument("--plot", metavar="JSON", help="draw the plot of an earlier run again")
    args = parser.parse_args()
    args.only = args.only.split(",")
    args.peers = args.peers.split(",")
    for name, known in [(args.only, CASES), (args.peers, PEERS)]:
        wrong = [item for item in name if item not in known]
        if wrong:
            parser.error(f"unknown: {', '.join(wrong)}; there are {', '.join(known)}")
    return args


def measure(args, folder):
    cases = {case: [] for case in args.only}
    bench = Bench(folder, args.binary, args.peers, args.seconds, 100 if args.quick else 1000)
    try:
        bench.begin()
        for number in range(args.rounds):
            for case in cases:
                print(f"round {number + 1} of {args.rounds}: {CASES[case]}", file=sys.stderr, flush=True)
                cases[case].append(bench.round(case, number))
    finally:
        bench.end()
    return cases


def save(run, args):
    folder = args.output or (tempfile.mkdtemp(prefix="popgate-bench-report-") if args.quick else "docs/benchmarks")
    os.makedirs(folder, exist_ok=True)
    name = run["date"]
    files = {
        f"{name}.json": json.dumps(run, indent=1) + "\n",
        f"{name}.md": report.markdown(run),
        "cpu.svg": plot.svg(run),
    }
    for file, text in files.items():
        with open(os.path.join(folder, file), "w") as output:
            output.write(text)
    print(f"written: {', '.join(os.path.join(folder, file) for file in files)}")


def main():
    args = arguments()
    if args.plot:
        with open(args.plot) as file:
            run = json.load(file)
        target = os.path.join(args.output or os.path.dirname(args.plot), "cpu.svg")
        with open(target, "w") as file:
            file.write(plot.svg(run))
        print(f"written: {target}")
        return
    if args.quick:
        args.rounds, args.seconds = 1, 1
    # Ctrl-C and SIGTERM end what was started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    run = {
        "date": datetime.date.today().isoformat(),
        "rounds": args.rounds,
        "seconds": args.seconds,
        "quick": args.quick,
        "machine": system.machine(),
        "versions": system.versions(args.binary),
    }
    folder = tempfile.mkdtemp(prefix="popgate-bench-")
    # nginx' worker has a user of its own when root starts it.
    os.chmod(folder, 0o755)
    try:
        run["cases"] = measure(args, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for case, rounds in run["cases"].items():
        print(report.terminal(case, rounds))
    save(run, args)


if __name__ == "__main__":
    try:
        main()
    except system.Trouble as trouble:
        sys.exit(f"scripts/bench: {trouble}")
    except KeyboardInterrupt:
        sys.exit(130)
