{{- /* Names and labels. The names are fixed: scripts and dashboards rely on them. */}}
{{- define "task-api.selector" -}}
app.kubernetes.io/name: task-api
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "task-api.labels" -}}
{{ include "task-api.selector" . }}
app.kubernetes.io/part-of: task-host
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "task-api.api" -}}
{{ include "task-api.selector" . }}
app.kubernetes.io/component: api
{{- end }}

{{- define "task-api.database" -}}
{{ include "task-api.selector" . }}
app.kubernetes.io/component: database
{{- end }}

{{- define "task-api.secret" -}}
{{ .Values.secret.existing | default "task-api" }}
{{- end }}

{{- /* "yes" if the hosts share compiled code, otherwise empty. */}}
{{- define "task-api.codeKey" -}}
{{- if and .Values.secret.codeKey (ne .Values.database.kind "sqlite") }}yes{{ end }}
{{- end }}

{{- define "task-api.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The largest number of hosts that share the database. */}}
{{- define "task-api.replicas" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.maxReplicas }}{{ else }}{{ .Values.replicas }}{{ end }}
{{- end }}
