{{- /* The host's settings, as a JSON object of texts: the chart's own, then `config` over them. An empty text
leaves a setting out, so that the host's own default applies. */}}
{{- define "task-api.settings" -}}
{{- $settings := dict
  "TASK_HOST_ADDR" "0.0.0.0:8000"
  "TASK_HOST_ADMIN_ADDR" "0.0.0.0:9000"
  "TASK_HOST_ADMIN_TOKEN_FILE" "/run/secrets/task-host/admin-token"
  "TASK_HOST_CACHE_DIR" "/var/cache/task-host/code"
  "TASK_HOST_LOG_FORMAT" "json"
  "TASK_HOST_DRAIN_DELAY" "10s"
  "TASK_HOST_DRAIN_TIMEOUT" "25s"
  "TASK_HOST_MAX_CONCURRENCY" "12"
  "TASK_HOST_MEMORY_LIMIT" "32MiB"
  "TASK_HOST_ANSWER_CACHE" "32MiB"
  "TASK_HOST_BUFFER_LIMIT" "32MiB"
  "TASK_HOST_DATABASE_CONNECTIONS" "16"
  "TASK_HOST_DATABASE_WAIT" "60s"
  "TASK_HOST_REPLICAS" (include "task-api.replicas" .)
}}
{{- if eq .Values.database.kind "sqlite" }}
{{- $_ := set $settings "TASK_HOST_DATABASE" "sqlite:/data/tasks.sqlite" }}
{{- /* SQLite's memory is a part of the pod's, so fewer requests run at a time. */}}
{{- $_ := set $settings "TASK_HOST_SQLITE_MEMORY" "96MiB" }}
{{- $_ := set $settings "TASK_HOST_MAX_CONCURRENCY" "8" }}
{{- end }}
{{- if include "task-api.codeKey" . }}
{{- $_ := set $settings "TASK_HOST_CODE_KEY_FILE" "/run/secrets/code-key/code-key" }}
{{- end }}
{{- with .Values.component.declared }}
{{- $_ := set $settings "TASK_HOST_DECLARED_COMPONENT" . }}
{{- end }}
{{- if .Values.component.registrySecret }}
{{- $_ := set $settings "TASK_HOST_REGISTRY_AUTH_FILE" "/run/secrets/registry/config.json" }}
{{- end }}
{{- range $name, $value := .Values.config }}
{{- $text := include "task-api.text" $value }}
{{- if eq $text "" }}
{{- $_ := unset $settings $name }}
{{- else }}
{{- $_ := set $settings $name $text }}
{{- end }}
{{- end }}
{{- toJson $settings }}
{{- end }}
