# syntax=docker/dockerfile:1
# The host's image: one static binary, certificates, /tmp, and the bundled component in a separate layer. It has
# no base image, so it contains no shell, no package manager and no library to patch.
#
#   docker build --tag task-host .            podman build --format docker --tag task-host .
#
# Podman needs `--format docker`, because the OCI format has no health check. Each platform builds natively. To
# use files that were built elsewhere, replace the stages `host` (a root folder) and `component` (with
# tasks.wasm) by folders: --build-context host=DIR --build-context component=DIR.

FROM docker.io/library/rust:1.95.0-bookworm AS toolchain
WORKDIR /source
COPY . .

FROM toolchain AS build-host
# The target folder and cargo's registry are kept between builds, outside of all layers.
RUN --mount=type=cache,target=/source/target,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    target="$(rustc --print host-tuple)" && \
    cargo build --locked --config .cargo/static.toml --profile dist --package task-host \
        --target "$target" && \
    install -D "target/$target/dist/task-host" /out/usr/bin/task-host && \
    install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 1777 /out/tmp

FROM toolchain AS build-component
RUN --mount=type=cache,target=/source/target,sharing=locked \
    --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    cargo xtask components && \
    install -D -m 0644 target/components/tasks.wasm /out/tasks.wasm

FROM scratch AS host
COPY --from=build-host /out/ /

FROM scratch AS component
COPY --from=build-component /out/ /

FROM scratch
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="task-host" \
      org.opencontainers.image.description="Runs a service whose logic is a WebAssembly component" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=component tasks.wasm /usr/share/task-host/tasks.wasm
# Copying the root is fine here: the stage contains only the files of the image.
# hadolint ignore=DL3067
COPY --from=host / /
USER 65532:65532
# All persistent data is here. Apart from it, only /tmp is written to.
WORKDIR /data
VOLUME ["/data"]
ENV TASK_HOST_ADDR=0.0.0.0:8000 \
    TASK_HOST_COMPONENT=/usr/share/task-host/tasks.wasm \
    TASK_HOST_DATABASE=sqlite:/data/tasks.sqlite \
    TASK_HOST_LOG_FORMAT=json
EXPOSE 8000 9000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["/usr/bin/task-host", "healthcheck"]
ENTRYPOINT ["/usr/bin/task-host"]
CMD ["serve"]
