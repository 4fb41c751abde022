#!/usr/bin/env bash
# Deletes the local cluster and everything in it: `just down`. Succeeds if there is no cluster.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=k8s/prerequisites.sh
. k8s/prerequisites.sh

need_docker
need_kind
have_all
docker_answers

kind delete cluster --name task-host
