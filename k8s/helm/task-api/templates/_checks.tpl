{{- /* Checks that the schema cannot express. The Deployment includes this first. */}}
{{- define "task-api.checks" -}}
{{- with .Values }}
{{- if and (eq .database.kind "sqlite") (gt (int (include "task-api.replicas" $)) 1) }}
{{- fail "database.kind=sqlite allows only one host: set replicas=1 and autoscaling.enabled=false, or use database.kind=postgres" }}
{{- end }}
{{- if and .autoscaling.enabled (gt (int .autoscaling.minReplicas) (int .autoscaling.maxReplicas)) }}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas" }}
{{- end }}
{{- if and (eq .database.kind "external") (not .secret.existing) (not .secret.databaseUrl) }}
{{- fail "database.kind=external needs a URL: set secret.databaseUrl, or secret.existing with the key database-url" }}
{{- end }}
{{- if and .secret.databaseUrl (or .secret.existing (ne .database.kind "external")) }}
{{- fail "secret.databaseUrl is used only with database.kind=external and without secret.existing" }}
{{- end }}
{{- if and .component.registrySecret (not .component.declared) }}
{{- fail "component.registrySecret is used only with component.declared" }}
{{- end }}
{{- /* 24 is the host's own default. */}}
{{- $settings := include "task-api.settings" $ | fromJson }}
{{- $each := add (dig "TASK_HOST_DATABASE_CONNECTIONS" "24" $settings | int) 5 }}
{{- $needed := add (mul $each (add1 (int (include "task-api.replicas" $)))) 3 }}
{{- if and (eq .database.kind "postgres") (gt (int $needed) (int .database.postgres.maxConnections)) }}
{{- fail (printf "all pods, one more during a rolling update, and administrators need %d connections in total: raise database.postgres.maxConnections" $needed) }}
{{- end }}
{{- $names := keys (.config | default dict) }}
{{- range .extraEnv }}
{{- $names = append $names .name }}
{{- end }}
{{- if ne (len $names) (len (uniq $names)) }}
{{- fail "config and extraEnv set a variable twice: give each name once" }}
{{- end }}
{{- range $names }}
{{- if has . (list "TASK_HOST_ADDR" "TASK_HOST_ADMIN_ADDR" "TASK_HOST_ADMIN_TOKEN" "TASK_HOST_ADMIN_TOKEN_FILE" "TASK_HOST_DATABASE" "TASK_HOST_REPLICAS" "TASK_HOST_CACHE_DIR" "TASK_HOST_CODE_KEY_FILE" "TASK_HOST_DECLARED_COMPONENT" "TASK_HOST_REGISTRY_AUTH_FILE") }}
{{- fail (printf "%s cannot be set, because the chart sets it: use the chart's values for ports, secrets, database, replicas and the declared component" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
