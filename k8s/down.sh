#!/usr/bin/env bash
# Takes the local cluster and everything in it away: `just down`. Where there is none, all is well.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=k8s/prerequisites.sh
. k8s/prerequisites.sh

need_docker
need_kind
have_all
docker_answers

kind delete cluster --name task-host
