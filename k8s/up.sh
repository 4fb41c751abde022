#!/usr/bin/env bash
# From nothing to a running local cluster with the service in it, and to the same state again when
# it is repeated: `just up`, or `just up stage`.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=k8s/prerequisites.sh
. k8s/prerequisites.sh

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

need_docker
need_kind
need_kubectl
need_curl
have_all
docker_answers
docker_builds

kind get clusters 2>/dev/null | grep -qx task-host ||
    kind create cluster --config k8s/kind/cluster.yaml --wait 120s
# Makes it kubectl's context, also where that was lost or another one was chosen since: what follows
# must not reach any other cluster.
kind export kubeconfig --name task-host

# The image that the overlay names, so that the cluster pulls nothing of ours.
image=$(kubectl kustomize "k8s/overlays/$environment" |
    sed -n 's/^ *image: \(.*task-host:.*\)$/\1/p' | sort -u)
# Without attestations, which `kind load` cannot read.
BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --tag "$image" .
kind load docker-image --name task-host "$image"

[ "$environment" = dev ] || k8s/secrets.sh "$namespace"
ran=$(kubectl --namespace "$namespace" get deployment task-api --ignore-not-found --output name)
kubectl apply --kustomize "k8s/overlays/$environment"
# A new image under the same tag is no change that the cluster would see.
[ -z "$ran" ] || kubectl --namespace "$namespace" rollout restart deployment/task-api
kubectl --namespace "$namespace" rollout status statefulset/task-api-postgres --timeout 300s
kubectl --namespace "$namespace" rollout status deployment/task-api --timeout 300s

curl --silent --show-error --fail --retry 30 --retry-delay 1 --retry-all-errors \
    --noproxy '*' "http://127.0.0.1:$port/readyz"
printf '\ntask-api serves on http://127.0.0.1:%s/ (its documentation: /docs)\n' "$port"
echo "new logic: just deploy-to $namespace"
echo "away with it: just down"
