"""Load: wrk for HTTP/1.1, h2load for HTTP/2 and for a set rate, asyncio for a stampede."""

import asyncio
import os
import random
import re
import subprocess

from servers import HOST
from system import CLIENT_CORE, Trouble, cpu_seconds, memory_bytes, pinned

CONNECTIONS = 64
H2_CONNECTIONS, H2_STREAMS = 32, 10
KEYS = 1_000_000

UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def run(command, patience):
    done = subprocess.run(
        pinned(CLIENT_CORE, command), capture_output=True, text=True, timeout=patience, check=False
    )
    if done.returncode != 0:
        raise Trouble(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def measured(gateway, load):
    """Runs a load and adds what it cost the server."""
    before = cpu_seconds(gateway.process.pid)
    result = load()
    used = cpu_seconds(gateway.process.pid) - before
    result["cpu_us"] = used * 1e6 / result["requests"] if result["requests"] else None
    result["memory"] = memory_bytes(gateway.process.pid)
    return result


def wrk(url, seconds, headers=(), script=None, environment=None):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    for header in (f"Host: {HOST}", *headers):
        command += ["-H", header]
    if script:
        command += ["-s", script]
    if environment:
        command = ["env", *(f"{name}={value}" for name, value in environment.items()), *command]
    output = run([*command, url], seconds + 60)
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    return {
        "requests": requests,
        "rps": float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        "p50_ms": milliseconds(re.search(r"(?m)^\s+50%\s+(\S+)", output).group(1)),
        "p99_ms": milliseconds(re.search(r"(?m)^\s+99%\s+(\S+)", output).group(1)),
        "failed": (int(bad.group(1)) if bad else 0) + (sum(map(int, errors.groups())) if errors else 0),
    }


def h2load(url, seconds, folder, headers=(), h1=False, rate=None):
    """HTTP/2, or HTTP/1.1; with `rate` at that many requests per second instead of as fast as it goes."""
    log = os.path.join(folder, "h2load.log")
    if os.path.exists(log):
        os.remove(log)
    command = ["h2load", "-t1", f"-D{seconds}", f"--log-file={log}", "-H", f":authority: {HOST}"]
    for header in headers:
        command += ["-H", header]
    command += ["--h1", f"-c{CONNECTIONS}", "-m1"] if h1 else [f"-c{H2_CONNECTIONS}", f"-m{H2_STREAMS}"]
    if rate:
        command.append(f"--rps={max(1, round(rate / CONNECTIONS))}")
    output = run([*command, url], seconds + 60)
    times = []
    with open(log) as lines:
        for line in lines:
            times.append(int(line.split("\t")[2]))
    times.sort()
    status = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", output)
    requests = sum(map(int, status.groups()))

    def quantile(share):
        return times[min(len(times) - 1, int(len(times) * share))] / 1000 if times else None

    return {
        "requests": requests,
        "rps": float(re.search(r"finished in \S+, ([\d.]+) req/s", output).group(1)),
        "p50_ms": quantile(0.5),
        "p99_ms": quantile(0.99),
        "failed": int(status.group(3)) + int(status.group(4)),
    }


def zipf_keys(folder, count):
    """A file of `count` keys, drawn from KEYS by Zipf's law (exponent 1); the same for everybody."""
    path = os.path.join(folder, "zipf.keys")
    total, weights = 0.0, []
    for rank in range(1, KEYS + 1):
        total += 1 / rank
        weights.append(total)
    drawn = random.Random(9111).choices(range(KEYS), cum_weights=weights, k=count)
    with open(path, "w") as file:
        file.write("\n".join(map(str, drawn)))
    script = os.path.join(folder, "zipf.lua")
    with open(script, "w") as file:
        file.write("""
local keys, at = {}, 0
function init(args)
  for key in io.lines(os.getenv("BENCH_KEYS")) do keys[#keys + 1] = key end
  at = tonumber(os.getenv("BENCH_FROM"))
end
function request()
  at = at % #keys + 1
  return wrk.format("GET", "/zipf/" .. keys[at])
end
""")
    return path, script


async def one_client(port, target, results):
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        results.append(answer.startswith(b"HTTP/1.1 200"))
    except (OSError, asyncio.TimeoutError):
        results.append(False)


async def stampede(gateway, clients, target, slow):
    """Sends `clients` requests at once for a page that is not cached; how many reached the origin."""
    slow.count = 0
    results = []
    await asyncio.gather(*(one_client(gateway.plain, target, results) for _ in range(clients)))
    return {"requests": clients, "origin_requests": slow.count, "failed": results.count(False)}


class SlowOrigin:
    """Answers after a second and counts."""

    def __init__(self):
        self.count = 0
        self.port = None

    async def start(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.count += 1
                await asyncio.sleep(1)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nCache-Control: max-age=600\r\nContent-Length: 4\r\n\r\nslow"
                )
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
