#!/usr/bin/env bash
# Creates a local cluster with the service in it: `just up`, or `just up stage`. If you repeat it, it brings
# the cluster to the same state and the new image to the pods.
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
    echo "Give an environment: dev, stage or prod" >&2
    exit 2
    ;;
esac
namespace=task-api-$environment
kubectl=${KUBECTL:-kubectl}

need_docker
need_kind
need_kubectl
need_curl
have_all
docker_answers
docker_builds

kind get clusters 2>/dev/null | grep -qx task-host ||
    kind create cluster --config k8s/kind/cluster.yaml --wait 120s
# Selects this cluster as kubectl's context, even if the context was lost or changed: the commands below must
# not reach any other cluster.
kind export kubeconfig --name task-host

# Build the image under the name that the overlay uses, so that the cluster does not try to pull it.
image=$("$kubectl" kustomize "k8s/overlays/$environment" |
    sed -n 's/^ *image: \(.*task-host:.*\)$/\1/p' | sort -u)
# No attestations, because `kind load` cannot read them. A builder in a container keeps its results to itself
# without --load.
BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build --load --tag "$image" .
kind load docker-image --name task-host "$image"

[ "$environment" = dev ] || k8s/secrets.sh "$namespace"
ran=$("$kubectl" --namespace "$namespace" get deployment task-api --ignore-not-found --output name)
"$kubectl" apply --kustomize "k8s/overlays/$environment"
if [ -n "$ran" ]; then
    # The cluster does not notice a new image under the same tag, so restart the pods.
    "$kubectl" --namespace "$namespace" rollout restart deployment/task-api
elif [ "$environment" = prod ]; then
    # The overlay leaves the number of pods to the autoscaler, and Kubernetes begins with 1. Begin with the
    # autoscaler's minimum, so that the wait below is for all of them.
    least=$("$kubectl" --namespace "$namespace" get horizontalpodautoscaler task-api \
        --output 'jsonpath={.spec.minReplicas}')
    "$kubectl" --namespace "$namespace" scale deployment/task-api --replicas "$least"
fi
"$kubectl" --namespace "$namespace" rollout status statefulset/task-api-postgres --timeout 300s
"$kubectl" --namespace "$namespace" rollout status deployment/task-api --timeout 300s

curl --silent --show-error --fail --retry 30 --retry-delay 1 --retry-all-errors \
    --noproxy '*' "http://127.0.0.1:$port/readyz"
printf '\ntask-api serves on http://127.0.0.1:%s/ (API documentation: /docs)\n' "$port"
echo "To deploy new logic: just deploy-to $namespace"
echo "To delete the cluster: just down"
