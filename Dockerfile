# syntax=docker/dockerfile:1
#
#   docker build -t popgate .
#   docker run -p 80:80 -v ./popgate.yaml:/etc/popgate/popgate.yaml:ro -v popgate:/var/lib/popgate popgate

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin popgate \
 && install -D -m 755 target/release/popgate /out/usr/bin/popgate \
 && install -D -m 644 config/popgate.yaml /out/etc/popgate/popgate.yaml \
 && install -D -m 644 LICENSE /out/usr/share/doc/popgate/LICENSE

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/popgate --shell /usr/sbin/nologin popgate \
 && install -d -o popgate -g popgate -m 750 /var/lib/popgate
COPY --from=build /out /
USER popgate
WORKDIR /var/lib/popgate
# Where the embedded key-value store lives, as under systemd.
ENV STATE_DIRECTORY=/var/lib/popgate
VOLUME /var/lib/popgate
EXPOSE 80 443
# SIGTERM is the graceful stop; `docker stop` should wait longer than shutdown.announce and shutdown.grace together.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/usr/bin/popgate", "health"]
ENTRYPOINT ["/usr/bin/popgate"]
CMD ["run"]
