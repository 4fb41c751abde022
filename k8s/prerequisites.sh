# shellcheck shell=bash
# Sourced by the scripts in this folder. Reports every missing program and how to install it.

missing=0

# need PROGRAM HOW: reports a missing program and remembers it, so that one run reports all of them.
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
    need "${TASK_HOST:-target/release/task-host}" "Build it at the top of the checkout: cargo xtask build"
}

# Ends the script if any program is missing.
have_all() { [ $missing -eq 0 ] || exit 1; }

# docker_builds: checks for BuildKit, which the Dockerfile needs for its caches. Some distributions package
# it separately.
docker_builds() {
    docker buildx version >/dev/null 2>&1 && return
    echo "missing: docker buildx. Debian, Ubuntu: apt install docker-buildx. Others: https://github.com/docker/buildx#installing" >&2
    exit 1
}

# docker_answers: checks that docker not only is installed but runs.
docker_answers() {
    docker info >/dev/null 2>&1 && return
    # shellcheck disable=SC2016
    echo 'docker does not answer. Start it, or add yourself to the group docker: sudo usermod -aG docker $USER' >&2
    exit 1
}
