"""What is measured."""

import asyncio
import os
import re
import urllib.request

import load
import servers
from servers import HOST, PEERS, SIZES

CASES = {
    **{f"h1-{size}": f"{size.upper()}iB hit, HTTP/1.1" for size in SIZES},
    "h1-1k-70": "1KiB hit, HTTP/1.1, at 70 % of nginx' peak",
    "304": "304 to If-None-Match, HTTP/1.1",
    "pass": "1KiB uncached, HTTP/1.1",
    **{f"tls-{size}": f"{size.upper()}iB hit, HTTP/1.1 over TLS" for size in SIZES},
    **{f"h2-{size}": f"{size.upper()}iB hit, HTTP/2 over TLS" for size in SIZES},
    "zipf": "1,000,000 keys by Zipf, memory for a tenth",
    "stampede": "1,000 clients on a cold page",
}
MEMORY_MIB = 1024
ZIPF_MEMORY_MIB = 100


class Bench:
    """One run: gateways that stay up, and those of the Zipf case, which start cold."""

    def __init__(self, folder, binary, peers, seconds, clients):
        self.folder, self.binary, self.peers = folder, binary, peers
        self.seconds, self.clients = seconds, clients
        self.running, self.number, self.keys, self.asked = [], 0, None, 0
        self.loop = asyncio.new_event_loop()
        self.slow = load.SlowOrigin()
        self.loop.run_until_complete(self.slow.start())
        self.gateways = {}

    def begin(self):
        self.origin = servers.Origin(self.folder)
        self.running.append(self.origin)
        for name in self.peers:
            self.gateways[name] = self.start(name, MEMORY_MIB)

    def start(self, name, memory):
        self.number += 1
        folder = os.path.join(self.folder, f"{name}-{self.number}")
        gateway = servers.start(name, folder, self.binary, self.origin.port, self.slow.port, memory)
        self.running.append(gateway)
        return gateway

    def end(self):
        for process in reversed(self.running):
            process.end()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
        self.loop.close()

    def round(self, case, number):
        """One round of a case: every peer once. Gives results by peer; `None` where a peer has no such thing."""
        results = {}
        order = [name for name in PEERS if name in self.peers]
        if case == "h1-1k-70":
            rate = self.peak_of_nginx(order)
        for name in order:
            gateway = self.gateways[name]
            if case == "zipf":
                results[name] = self.zipf(name, number)
            elif case == "stampede":
                target = f"/slow/{name}-{number}"
                results[name] = self.loop.run_until_complete(
                    load.stampede(gateway, self.clients, target, self.slow)
                )
            elif case == "h1-1k-70":
                results[name] = self.at_rate(gateway, rate)
            else:
                results[name] = self.counted(lambda: self.steady(gateway, case))
        return results

    def counted(self, load):
        """A load with what of it reached the origin, by which hits can be told from what passes."""
        before = self.origin_requests()
        result = load()
        if result is not None:
            result["origin_requests"] = self.origin_requests() - before
        return result

    def steady(self, gateway, case):
        kind, _, size = case.partition("-")
        path = "/pass/1k" if kind == "pass" else f"/hit/{size or '1k'}"
        plain = f"http://127.0.0.1:{gateway.plain}{path}"
        headers = self.warm(plain)
        if kind in ("tls", "h2"):
            if gateway.tls is None:
                return None
            url = f"https://127.0.0.1:{gateway.tls}{path}"
        if kind == "h2":
            return load.measured(gateway, lambda: load.h2load(url, self.seconds, self.folder))
        if kind == "tls":
            # The scheme may be part of a key.
            load.wrk(url, 1)
            return load.measured(gateway, lambda: load.wrk(url, self.seconds))
        if kind == "304":
            # wrk waits for a body where a 304 tells the length of the page.
            condition = [f"If-None-Match: {headers['ETag']}"]
            return load.measured(
                gateway, lambda: load.h2load(plain, self.seconds, self.folder, condition, h1=True)
            )
        return load.measured(gateway, lambda: load.wrk(plain, self.seconds))

    def warm(self, url):
        for _ in range(3):
            request = urllib.request.Request(url, headers={"Host": HOST})
            with urllib.request.urlopen(request, timeout=10) as response:
                response.read()
                headers = response.headers
        return headers

    def peak_of_nginx(self, order):
        name = "nginx" if "nginx" in order else order[0]
        gateway = self.gateways[name]
        url = f"http://127.0.0.1:{gateway.plain}/hit/1k"
        self.warm(url)
        return 0.7 * load.wrk(url, self.seconds)["rps"]

    def at_rate(self, gateway, rate):
        url = f"http://127.0.0.1:{gateway.plain}/hit/1k"
        self.warm(url)
        return load.measured(gateway, lambda: load.h2load(url, self.seconds, self.folder, h1=True, rate=rate))

    def zipf(self, name, number):
        if self.keys is None:
            self.keys = load.zipf_keys(self.folder, 2_000_000)
        keys, script = self.keys
        gateway = self.start(name, ZIPF_MEMORY_MIB)
        url = f"http://127.0.0.1:{gateway.plain}"

        def go(seconds, start):
            return load.wrk(url, seconds, script=script, environment={"BENCH_KEYS": keys, "BENCH_FROM": start})

        # Until the cache is full.
        go(self.seconds * 2, number * 100_000)
        result = self.counted(
            lambda: load.measured(gateway, lambda: go(self.seconds, 1_000_000 + number * 100_000))
        )
        asked, requests = result["origin_requests"], result["requests"]
        result["hit_ratio"] = 1 - asked / requests if requests else None
        self.running.remove(gateway)
        gateway.end()
        return result

    def origin_requests(self):
        """All so far, those of this question left out."""
        self.asked += 1
        with urllib.request.urlopen(f"http://127.0.0.1:{self.origin.port}/status", timeout=10) as page:
            text = page.read().decode()
        # "server accepts handled requests", then the three numbers.
        return int(re.search(r"\n\s*\d+ \d+ (\d+)", text).group(1)) - self.asked
