"""Processes, ports and the machine."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
SERVER_CORE = "0"
CLIENT_CORE = "1"


class Trouble(Exception):
    """Something that ends the run, told without a stack trace."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    return ["taskset", "-c", core, *command]


def children_of(root):
    """`root` and everything below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", "rb") as stat:
                    # The name may hold blanks and brackets.
                    parents[int(entry)] = int(stat.read().rsplit(b")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
    group, fresh = {root}, {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - group
        group |= fresh
    return group


def cpu_seconds(root):
    """User and system time of a process and all below it, those that ended and were waited for included."""
    ticks = 0
    for pid in children_of(root):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                fields = stat.read().rsplit(b")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def memory_bytes(root):
    """Proportional set size: pages shared by several processes count once."""
    total = 0
    for pid in children_of(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as rollup:
                total += next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total


class Process:
    """A server in the foreground; ended by its own handle, with everything it started."""

    def __init__(self, name, core, command, log, **options):
        self.name = name
        self.log = log
        with open(log, "ab") as output:
            self.child = subprocess.Popen(
                pinned(core, command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options
            )

    @property
    def pid(self):
        return self.child.pid

    def wait_for(self, port, patience=20):
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self.child.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.05)
        with open(self.log, errors="replace") as log:
            tail = "".join(log.readlines()[-20:])
        raise Trouble(f"{self.name} does not listen on port {port}:\n{tail}")

    def end(self):
        group = children_of(self.pid)
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        for pid in group - {self.pid}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def first_line(command):
    if not shutil.which(command[0]) and not os.path.exists(command[0]):
        return None
    output = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (output.stdout + output.stderr).strip().splitlines()
    return lines[0].strip() if lines else None


def machine():
    model = "unknown"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as info:
        memory = int(info.readline().split()[1]) // 1024 // 1024
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": memory,
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(binary):
    return {
        "popgate": first_line([binary, "--version"]),
        "nginx": first_line(["nginx", "-v"]),
        "haproxy": first_line(["haproxy", "-v"]),
        "varnish": first_line(["varnishd", "-V"]),
        "wrk": first_line(["wrk", "-v"]),
        "h2load": first_line(["h2load", "--version"]),
    }
