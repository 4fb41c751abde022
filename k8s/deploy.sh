#!/usr/bin/env bash
# Deploys a component to the task-api of a namespace. It takes the token from the Secret, forwards the admin
# port of any pod, and runs `task-host deploy`, which does and reports the rest. The pods agree through their
# database, so one of them is enough; if it goes away, the script continues with another.
#
#   k8s/deploy.sh task-api-stage target/components/tasks.wasm [flags of `task-host deploy`]
#   k8s/deploy.sh task-api-prod oci://ghcr.io/acme/tasks@sha256:4f0c…
#
# With `compare` after the component, it runs `task-host compare` instead: a dry run with a report in Markdown.
#
#   k8s/deploy.sh task-api-stage target/components/tasks.wasm compare [flags of `task-host compare`]
set -euo pipefail
# shellcheck source=k8s/prerequisites.sh
. "$(dirname "$0")/prerequisites.sh"

namespace=${1:?"Give a namespace, such as task-api-dev"}
component=${2:?"Give a component, such as target/components/tasks.wasm"}
shift 2
command=(deploy --to)
if [ "${1:-}" = compare ]; then
    command=(compare --against)
    shift
fi
kubectl=${KUBECTL:-kubectl}
task_host=${TASK_HOST:-target/release/task-host}

need_kubectl
need_task_host
have_all

token=$("$kubectl" get secret task-api --namespace "$namespace" \
    --output 'go-template={{index .data "admin-token" | base64decode}}') || {
    echo "no admin token in namespace $namespace. Check that the Secret task-api exists there, and that kubectl uses the right cluster (kubectl config current-context)." >&2
    exit 1
}

log=$(mktemp)
# kubectl ends when its pod ends. Then forward to another pod on the same local port, where `task-host deploy`
# continues to ask.
forward() {
    local port='' child=''
    trap 'kill $child 2>/dev/null && wait $child 2>/dev/null || true; exit' TERM
    while :; do
        # Without a port, kubectl chooses a free one and prints it.
        "$kubectl" port-forward --namespace "$namespace" deployment/task-api "$port:9000" >>"$log" 2>&1 &
        child=$!
        wait "$child" || true
        port=$(forwarded)
        [ -n "$port" ] || return
        sleep 0.5
    done
}
forwarded() { sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log" | head -n 1; }

forward &
forward=$!
trap 'kill $forward 2>/dev/null || true; wait $forward 2>/dev/null || true; rm -f "$log"' EXIT

port=
for _ in $(seq 150); do
    port=$(forwarded)
    [ -z "$port" ] || break
    kill -0 $forward 2>/dev/null || break
    sleep 0.1
done
[ -n "$port" ] || {
    cat "$log" >&2
    echo "kubectl forwards no port to deployment/task-api in namespace $namespace. Its output is above." >&2
    exit 1
}

# The token is not passed as a flag, because other users of the machine can see arguments.
env -u TASK_HOST_ADMIN_TOKEN_FILE TASK_HOST_ADMIN_TOKEN="$token" \
    "$task_host" "${command[@]}" "http://127.0.0.1:$port" "$component" "$@"
