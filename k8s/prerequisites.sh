# shellcheck shell=bash
# Sourced by the scripts beside it: names every program that is missing, with how to get it.

missing=0

# need PROGRAM HOW: remembers that a program is missing, so that all of them are told at once.
need() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "missing: $1. $2" >&2
    missing=1
}

need_docker() { need docker "Install Docker Engine: https://docs.docker.com/engine/install"; }
need_kind() { need kind "Install kind: https://kind.sigs.k8s.io/docs/user/quick-start/#installation"; }
need_kubectl() { need "${KUBECTL:-kubectl}" "Install kubectl: https://kubernetes.io/docs/tasks/tools"; }
need_curl() { need curl "Debian, Ubuntu: apt install curl"; }
need_task_host() {
    need "${TASK_HOST:-target/release/task-host}" "Build it from the checkout's top: cargo xtask build"
}

# Ends the script where anything was missing.
have_all() { [ $missing -eq 0 ] || exit 1; }

# docker_builds: the Dockerfile keeps its caches by BuildKit, which some distributions pack apart.
docker_builds() {
    docker buildx version >/dev/null 2>&1 && return
    echo "missing: docker buildx. Debian, Ubuntu: apt install docker-buildx; else https://github.com/docker/buildx#installing" >&2
    exit 1
}

# docker_answers: installed is not yet running.
docker_answers() {
    docker info >/dev/null 2>&1 && return
    # shellcheck disable=SC2016
    echo 'docker does not answer. Start it, or add yourself to its group: sudo usermod -aG docker $USER' >&2
    exit 1
}
