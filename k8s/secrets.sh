#!/usr/bin/env bash
# Makes the Secret that the overlays `stage` and `prod` and a chart with secret.existing expect,
# with random values. One that is there stays as it is: the database was made with it.
#
#   k8s/secrets.sh task-api-stage
#   k8s/secrets.sh task-api-prod 'postgres://task_host:…@db.example.com/tasks'   # a managed server
set -euo pipefail
# shellcheck source=k8s/prerequisites.sh
. "$(dirname "$0")/prerequisites.sh"

namespace=${1:?"which namespace, such as task-api-stage?"}
url=${2:-}
kubectl=${KUBECTL:-kubectl}

need_kubectl
have_all

# A cluster that does not answer is no cluster without a Secret.
found=$("$kubectl" get secret task-api --namespace "$namespace" --ignore-not-found --output name)
if [ -n "$found" ]; then
    echo "Secret task-api in $namespace is there already, and stays as it is."
    exit 0
fi

# Inside the namespace, behind its NetworkPolicy, the database has no certificate.
random() { head -c 30 /dev/urandom | base64 | tr '+/' '-_'; }
password=$(random)
token=$(random)
code_key=$(random)
url=${url:-postgres://task_host:$password@task-api-postgres:5432/tasks?sslmode=disable}

# As the overlays label theirs. What is there already stays as it is.
found=$("$kubectl" get namespace "$namespace" --ignore-not-found --output name)
[ -n "$found" ] || "$kubectl" create --filename - <<MANIFEST
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/warn: restricted
MANIFEST
# By a manifest on standard input: arguments can be seen by other users of the machine.
"$kubectl" create --namespace "$namespace" --filename - <<MANIFEST
apiVersion: v1
kind: Secret
metadata:
  name: task-api
  labels:
    app.kubernetes.io/name: task-api
    app.kubernetes.io/part-of: task-host
type: Opaque
stringData:
  admin-token: "$token"
  postgres-password: "$password"
  code-key: "$code_key"
  database-url: "$url"
MANIFEST
