"""The four gateways and the origin behind them, each as its own documentation advises for this work.

All of them: one worker on one core, no access log, the same certificate, the same origin over kept connections, a
memory cache of the same size, and the knowledge that /pass/ is not cached.
"""

import json
import os
import subprocess
from dataclasses import dataclass

from system import CLIENT_CORE, SERVER_CORE, Process, free_port

PEERS = ["popgate", "nginx", "haproxy", "varnish"]
HOST = "bench.example"
SIZES = {"1k": 1024, "16k": 16 * 1024, "256k": 256 * 1024}


@dataclass
class Gateway:
    name: str
    process: Process
    plain: int
    tls: int | None

    def end(self):
        self.process.end()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def certificate(folder):
    cert, key = os.path.join(folder, "site.crt"), os.path.join(folder, "site.key")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )
    with open(os.path.join(folder, "site.pem"), "w") as both:
        for part in (cert, key):
            with open(part) as file:
                both.write(file.read())
    return cert, key


class Origin:
    """nginx with files for the sizes, any number of 1 KiB objects under /zipf/, and a count of requests."""

    def __init__(self, folder):
        self.port = free_port()
        root = os.path.join(folder, "origin")
        os.makedirs(os.path.join(root, "hit"))
        os.makedirs(os.path.join(root, "pass"))
        for name, size in SIZES.items():
            for kind in ("hit", "pass"):
                with open(os.path.join(root, kind, name), "wb") as file:
                    file.write((b"0123456789abcdef" * (size // 16))[:size])
        body = "z" * 1024
        config = write(folder, "origin.conf", f"""
daemon off; worker_processes 1; pid {folder}/origin.pid; error_log {folder}/origin.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; sendfile on; tcp_nopush on;
  open_file_cache max=100; client_body_temp_path {folder}/o1; proxy_temp_path {folder}/o2;
  fastcgi_temp_path {folder}/o3; uwsgi_temp_path {folder}/o4; scgi_temp_path {folder}/o5;
  default_type text/plain;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096; root {root};
    location /hit/ {{ add_header Cache-Control "max-age=86400"; }}
    location /pass/ {{ add_header Cache-Control "no-store"; }}
    location /zipf/ {{ add_header Cache-Control "max-age=86400"; return 200 "{body}"; }}
    location = /status {{ stub_status; }}
  }}
}}
""")
        self.process = Process("origin", CLIENT_CORE, ["nginx", "-c", config, "-e", f"{folder}/origin.log"], f"{folder}/origin.log")
        try:
            self.process.wait_for(self.port)
        except BaseException:
            self.process.end()
            raise

    def end(self):
        self.process.end()


def start(name, folder, binary, origin_port, slow_port, memory_mib):
    """Starts a gateway in a folder of its own."""
    os.makedirs(folder)
    plain, tls = free_port(), free_port()
    maker = {"popgate": popgate, "nginx": nginx, "haproxy": haproxy, "varnish": varnish}[name]
    command, has_tls = maker(folder, binary, plain, tls, origin_port, slow_port, memory_mib)
    process = Process(name, SERVER_CORE, command, os.path.join(folder, "log"))
    gateway = Gateway(name, process, plain, tls if has_tls else None)
    try:
        process.wait_for(plain)
    except BaseException:
        process.end()
        raise
    return gateway


def popgate(folder, binary, plain, tls, origin, slow, memory):
    cert, key = certificate(folder)
    many = 1_000_000_000
    config = {
        "pop": "bench",
        "threads": 1,
        "listen": [
            {"address": f"127.0.0.1:{plain}"},
            {"address": f"127.0.0.1:{tls}", "tls": {"certificates": [{"certificate": cert, "key": key}]}},
        ],
        "admin": {"address": f"127.0.0.1:{free_port()}"},
        "kv": {"persist": False},
        "limits": {"keepalive_requests": many},
        "cache": {"memory": f"{memory}MiB"},
        "shutdown": {"announce": "0s", "grace": "1s"},
        "origins": {
            "app": {"servers": [f"127.0.0.1:{origin}"], "connections_max": 256},
            "slow": {"servers": [f"127.0.0.1:{slow}"], "connections_max": 2048},
        },
        "sites": [
            {"hosts": ["*"], "origin": "app"},
            {"hosts": ["*"], "path": "/pass", "origin": "app", "cache": {"enabled": False}},
            {"hosts": ["*"], "path": "/slow", "origin": "slow"},
        ],
    }
    # JSON is YAML.
    return [binary, "run", "-c", write(folder, "popgate.yaml", json.dumps(config, indent=1))], True


def nginx(folder, _binary, plain, tls, origin, slow, memory):
    cert, key = certificate(folder)
    config = write(folder, "nginx.conf", f"""
daemon off; worker_processes 1; worker_rlimit_nofile 16384; pid {folder}/pid; error_log {folder}/log warn;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_requests 1000000000; keepalive_timeout 1h;
  open_file_cache max=200000 inactive=1h; open_file_cache_valid 1h; open_file_cache_min_uses 1;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  proxy_cache_path {folder}/cache levels=1:2 use_temp_path=off keys_zone=c:256m max_size={memory}m inactive=1d;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  ssl_session_cache shared:s:10m; ssl_session_timeout 1h; ssl_protocols TLSv1.2 TLSv1.3;
  http2_max_requests 1000000000;
  upstream app {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
  upstream slow {{ server 127.0.0.1:{slow}; }}
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    ssl_certificate {cert}; ssl_certificate_key {key};
    location / {{ proxy_pass http://app; proxy_cache c; proxy_cache_lock on; add_header X-Cache $upstream_cache_status; }}
    location /pass/ {{ proxy_pass http://app; }}
    location /slow/ {{
      proxy_pass http://slow; proxy_cache c; proxy_cache_lock on; proxy_cache_lock_timeout 30s; proxy_cache_lock_age 30s;
    }}
  }}
}}
""")
    return ["nginx", "-c", config, "-e", f"{folder}/log"], True


def haproxy(folder, _binary, plain, tls, origin, slow, memory):
    certificate(folder)
    config = write(folder, "haproxy.cfg", f"""
global
  nbthread 1
  maxconn 4096
  tune.bufsize 32768
  tune.ssl.cachesize 100000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 60s
  timeout http-keep-alive 1h
cache c
  total-max-size {min(memory, 4095)}
  max-object-size {memory * 1024 * 1024 // 4}
  max-age 86400
frontend all
  bind 127.0.0.1:{plain} backlog 4096
  bind 127.0.0.1:{tls} ssl crt {folder}/site.pem alpn h2,http/1.1 backlog 4096
  use_backend pass if {{ path_beg /pass/ }}
  use_backend slow if {{ path_beg /slow/ }}
  default_backend app
backend app
  http-request cache-use c
  http-response cache-store c
  server app 127.0.0.1:{origin} pool-max-conn 256
backend pass
  server app 127.0.0.1:{origin} pool-max-conn 256
backend slow
  http-request cache-use c
  http-response cache-store c
  server slow 127.0.0.1:{slow}
""")
    return ["haproxy", "-db", "-f", config], True


def varnish(folder, _binary, plain, _tls, origin, slow, memory):
    vcl = write(folder, "default.vcl", f"""
vcl 4.1;
backend app {{ .host = "127.0.0.1"; .port = "{origin}"; }}
backend slow {{ .host = "127.0.0.1"; .port = "{slow}"; .first_byte_timeout = 30s; }}
sub vcl_recv {{
  if (req.url ~ "^/slow/") {{ set req.backend_hint = slow; }} else {{ set req.backend_hint = app; }}
  if (req.url ~ "^/pass/") {{ return (pass); }}
}}
""")
    command = ["varnishd", "-F", "-j", "none", "-n", os.path.join(folder, "work"), "-a", f"127.0.0.1:{plain}",
               "-f", vcl, "-s", f"malloc,{memory}m", "-p", "timeout_idle=3600", "-p", "thread_pool_max=5000",
               "-p", "listen_depth=4096", "-p", "thread_pool_min=100"]
    # Varnish leaves TLS to a program in front of it.
    return command, False
