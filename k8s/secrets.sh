#!/usr/bin/env bash
# Creates the Secret that the overlays `stage` and `prod`, and a chart with secret.existing, expect, with
# random values. An existing Secret stays as it is, because the database was created with its password.
#
#   k8s/secrets.sh task-api-stage
#   k8s/secrets.sh task-api-prod 'postgres://task_host:…@db.example.com/tasks'   # a managed server
set -euo pipefail
# shellcheck source=k8s/prerequisites.sh
. "$(dirname "$0")/prerequisites.sh"

namespace=${1:?"Give a namespace, such as task-api-stage"}
url=${2:-}
kubectl=${KUBECTL:-kubectl}

need_kubectl
have_all

# If the cluster does not answer, this fails: it does not mean that the Secret is missing.
found=$("$kubectl" get secret task-api --namespace "$namespace" --ignore-not-found --output name)
if [ -n "$found" ]; then
    echo "The Secret task-api in namespace $namespace already exists and stays as it is."
    exit 0
fi

# The database in the namespace is behind a NetworkPolicy and has no certificate: sslmode=disable.
random() { head -c 30 /dev/urandom | base64 | tr '+/' '-_'; }
password=$(random)
token=$(random)
code_key=$(random)
url=${url:-postgres://task_host:$password@task-api-postgres:5432/tasks?sslmode=disable}

# The same labels as in the overlays. An existing namespace stays as it is. --save-config, because the overlay
# contains the namespace, too: `kubectl apply` expects to find what it applied last.
found=$("$kubectl" get namespace "$namespace" --ignore-not-found --output name)
[ -n "$found" ] || "$kubectl" create --save-config --filename - <<MANIFEST
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/audit: restricted
    pod-security.kubernetes.io/warn: restricted
MANIFEST
# A manifest on standard input, because other users of the machine can see arguments. No --save-config: it
# would copy the values into an annotation, and no overlay applies this Secret.
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
