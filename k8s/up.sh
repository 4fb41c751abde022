#!/usr/bin/env bash
# From nothing to a running local cluster with the service in it, and to the same state again when
# it is repeated: `just up`, or `just up stage`.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=${1:-dev}
case $environment in
dev) port=30080 ;;
stage) port=30081 ;;
prod) port=30082 ;;
*)
    echo "which environment: dev, stage or prod?" >&2
    exit 2
    ;;
esac
namespace=task-api-$environment

missing=0
need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "missing: $1. $2" >&2
    missing=1
}
need docker "Install Docker Engine: https://docs.docker.com/engine/install"
need kind "Install kind: https://kind.sigs.k8s.io/docs/user/quick-start/#installation"
need kubectl "Install kubectl: https://kubernetes.io/docs/tasks/tools"
need curl "Debian, Ubuntu: apt install curl"
[ $missing -eq 0 ] || exit 1
if ! docker info >/dev/null 2>&1; then
    echo "docker does not answer. Start it, or add yourself to its group: sudo usermod -aG docker \$USER" >&2
    exit 1
fi

kind get clusters 2>/dev/null | grep -qx task-host ||
    kind create cluster --config k8s/kind/cluster.yaml --wait 120s
kubectl config use-context kind-task-host >/dev/null

# The image that the overlay names, so that the cluster pulls nothing of ours.
image=$(kubectl kustomize "k8s/overlays/$environment" |
    sed -n 's/^ *image: \(.*task-host:.*\)$/\1/p' | head -n 1)
docker build --tag "$image" .
kind load docker-image --name task-host "$image"

[ "$environment" = dev ] || k8s/secrets.sh "$namespace"
kubectl apply --kustomize "k8s/overlays/$environment"
# A new image under the same tag is no change that the cluster would see.
kubectl --namespace "$namespace" rollout restart deployment/task-api
kubectl --namespace "$namespace" rollout status statefulset/task-api-postgres --timeout 300s
kubectl --namespace "$namespace" rollout status deployment/task-api --timeout 300s

curl --silent --show-error --fail --retry 30 --retry-delay 1 --retry-all-errors \
    --noproxy '*' "http://127.0.0.1:$port/readyz"
printf '\ntask-api serves on http://127.0.0.1:%s/ (its documentation: /docs)\n' "$port"
echo "new logic: just deploy-to $namespace"
echo "away with it: just down"
