# The everyday commands. Each calls one tool, so that it can be typed without just.

task_host := "target/release/task-host"

# List the commands.
default:
    @{{ just_executable() }} --list --unsorted

# Build everything and serve the task API on 127.0.0.1:8000, with further flags of `serve`.
run *flags:
    cargo xtask run -- {{ flags }}

# Serve the task API, and bring every saved change of the logic into it; `--to URL`: elsewhere.
dev *flags:
    cargo xtask dev {{ flags }}

# Build the logic and deploy it to a running host, with further flags such as `--to URL`.
deploy-component *flags: components
    {{ task_host }} deploy target/components/tasks.wasm {{ flags }}

# Build the logic and put it into an OCI registry: oci://REGISTRY/REPOSITORY:TAG.
publish-component reference: components
    {{ task_host }} publish target/components/tasks.wasm {{ reference }}

# Go back to the logic before, or to that of a digest's first digits.
rollback *flags:
    {{ task_host }} rollback {{ flags }}

# Say what a running host serves, and what is on its way.
status *flags:
    {{ task_host }} status {{ flags }}

# List the latest deployments of a running host.
history *flags:
    {{ task_host }} history {{ flags }}

# Build what the tests need and run every test, or those with a name like this.
test *filter:
    cargo xtask test {{ filter }}

# Build target/release/task-host and target/components/tasks.wasm.
build:
    cargo xtask build

# Build only the components: new logic, the same host.
components:
    cargo xtask components

# Check the running API against its own OpenAPI document.
fuzz:
    cargo xtask fuzz

# Use the web pages in a browser; `-- -k board`: only those tests.
browser *flags:
    cargo xtask browser {{ flags }}

# Check manifests, chart, alerts, dashboard, image and workflows with real tools.
verify *filter:
    cargo xtask verify {{ filter }}

# From nothing to a running local cluster (kind) with the service: dev, stage or prod.
up environment="dev":
    k8s/up.sh {{ environment }}

# Take the local cluster and everything in it away.
down:
    k8s/down.sh

# Make the Secret of stage or prod, once; a second word is the URL of a managed PostgreSQL.
secrets environment *url:
    k8s/secrets.sh task-api-{{ environment }} {{ quote(url) }}

# Build the logic and deploy it to a namespace of the cluster, with flags such as `--dry-run`.
deploy-to namespace *flags: components
    k8s/deploy.sh {{ namespace }} target/components/tasks.wasm {{ flags }}

# Format all code.
fmt:
    cargo fmt --all

# Lint all code as CI does, for the host and for WebAssembly.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --package tasks --package counter --target wasm32-unknown-unknown -- -D warnings

# Build the documentation of all packages and open it.
docs:
    cargo doc --no-deps --workspace --open

# Check licences, duplicates, sources and advisories of the dependencies.
deny:
    cargo deny check

# Everything that CI checks.
ci:
    .ci/run
