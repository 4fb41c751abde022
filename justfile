# The everyday commands. Each runs one command, which you can also type without just.

task_host := "target/release/task-host"

# List the commands.
default:
    @{{ just_executable() }} --list --unsorted

# Build everything and serve the task API on 127.0.0.1:8000. Takes flags of `serve`.
run *flags:
    cargo xtask run -- {{ flags }}

# Serve the task API and put every saved change of the logic into service. Takes flags of `task-host dev`.
dev *flags:
    cargo xtask dev {{ flags }}

# Build the logic and deploy it to a running host. Takes flags such as `--to URL`.
deploy-component *flags: component
    {{ task_host }} deploy target/components/tasks.wasm {{ flags }}

# Build the logic and publish it to an OCI registry: oci://REGISTRY/REPOSITORY:TAG.
publish-component reference: component
    {{ task_host }} publish target/components/tasks.wasm {{ reference }}

# Roll back to the previous logic, or to the one whose digest begins with the given digits.
rollback *flags:
    {{ task_host }} rollback {{ flags }}

# Show what a running host serves and which deployment is running.
status *flags:
    {{ task_host }} status {{ flags }}

# List the latest deployments of a running host.
history *flags:
    {{ task_host }} history {{ flags }}

# Build what the tests need and run every test, or those whose names contain the filter.
test *filter:
    cargo xtask test {{ filter }}

# Build target/release/task-host and target/components/tasks.wasm.
build:
    cargo xtask build

# Build only the task component.
component:
    cargo xtask component

# Build only the components, also those of the tests, and not the host.
components:
    cargo xtask components

# Check the running API against its own OpenAPI document.
openapi:
    cargo xtask openapi

# Search for inputs that break what reads bytes of strangers; `--seconds 600 query` sets time and targets.
fuzz *arguments:
    cargo xtask fuzz {{ arguments }}

# Attack a running host and check that it stays within its bounds.
attack *flags:
    cargo xtask attack {{ flags }}

# Test the web pages in a browser; `-- -k board` runs only matching tests.
browser *flags:
    cargo xtask browser {{ flags }}

# Check manifests, chart, alerts, dashboard, image and workflows with real tools.
verify *filter:
    cargo xtask verify {{ filter }}

# Create a local cluster (kind) with the service in it: dev, stage or prod.
up environment="dev":
    k8s/up.sh {{ environment }}

# Delete the local cluster and everything in it.
down:
    k8s/down.sh

# Create the Secret of stage or prod, once. The second argument is the URL of a managed PostgreSQL server.
secrets environment *url:
    k8s/secrets.sh task-api-{{ environment }} {{ quote(url) }}

# Build the logic and deploy it to a namespace of the cluster. Takes flags such as `--dry-run`.
deploy-to namespace *flags: component
    k8s/deploy.sh {{ namespace }} target/components/tasks.wasm {{ flags }}

# Format all code.
fmt:
    cargo fmt --all

# Lint all code as CI does, for the host and for WebAssembly.
lint:
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy --package tasks --package counter --package contacts --target wasm32-unknown-unknown -- -D warnings

# Build the documentation of all packages and open it.
docs:
    cargo doc --no-deps --workspace --open

# Check the dependencies: licences, duplicates, sources and advisories.
deny:
    cargo deny check

# Run everything that CI checks.
ci:
    .ci/run
