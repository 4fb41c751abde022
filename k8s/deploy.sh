#!/usr/bin/env bash
# Deploys a component to the task-api of a namespace: takes the token from its Secret, forwards
# the operators' port of one pod, and lets `task-host deploy` do and tell the rest.
#
#   k8s/deploy.sh task-api-stage target/components/tasks.wasm [flags of `task-host deploy`]
set -euo pipefail

namespace=${1:?"which namespace, such as task-api-dev?"}
component=${2:?"which component, such as target/components/tasks.wasm?"}
shift 2
kubectl=${KUBECTL:-kubectl}
task_host=${TASK_HOST:-target/release/task-host}

command -v "$kubectl" >/dev/null 2>&1 || {
    echo "missing: kubectl. Install it: https://kubernetes.io/docs/tasks/tools" >&2
    exit 1
}
token=$("$kubectl" get secret task-api --namespace "$namespace" \
    --output 'go-template={{index .data "admin-token" | base64decode}}')

log=$(mktemp)
# Port 0: kubectl takes a free one and says which.
"$kubectl" port-forward --namespace "$namespace" deployment/task-api :9000 >"$log" 2>&1 &
forward=$!
trap 'kill $forward 2>/dev/null || true; rm -f "$log"' EXIT

port=
for _ in $(seq 100); do
    port=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log")
    [ -z "$port" ] || break
    if ! kill -0 $forward 2>/dev/null; then
        cat "$log" >&2
        exit 1
    fi
    sleep 0.1
done
[ -n "$port" ] || {
    echo "kubectl forwards no port after 10 s" >&2
    exit 1
}

TASK_HOST_ADMIN_TOKEN=$token "$task_host" deploy "$component" --to "http://127.0.0.1:$port" "$@"
