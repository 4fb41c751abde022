{{- /* Names, labels and numbers of pods. The names are fixed: scripts and dashboards rely on them.

A text value may consist of digits, so every template quotes it. A number of a values file is a float,
which Go prints as 2e+06, so templates render numbers with `int` or `toJson`. `merge` and `default` take 0,
false and an empty text for missing, so no template uses them for values of the user. */}}
{{- define "task-api.selector" -}}
app.kubernetes.io/name: task-api
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "task-api.labels" -}}
{{ include "task-api.selector" . }}
app.kubernetes.io/part-of: task-host
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
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

{{- /* The text of a scalar. */}}
{{- define "task-api.text" -}}
{{- if kindIs "string" . }}{{ . }}{{ else }}{{ toJson . }}{{ end }}
{{- end }}

{{- /* The largest number of hosts that share the database. */}}
{{- define "task-api.replicas" -}}
{{- ternary .Values.autoscaling.maxReplicas .Values.replicas .Values.autoscaling.enabled | int }}
{{- end }}

{{- /* The number of pods that the Deployment asks for. With an autoscaler, this is the number that it asks for
now, within the autoscaler's bounds: if the number were left out, Kubernetes would set 1 when autoscaling is
enabled. Somebody who set 0 has stopped the hosts on purpose. */}}
{{- define "task-api.pods" -}}
{{- if not .Values.autoscaling.enabled }}
{{- int .Values.replicas }}
{{- else }}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace "task-api" | dig "spec" "replicas" -1 | int }}
{{- with .Values.autoscaling }}
{{- ternary 0 (max (int .minReplicas) (min $live (int .maxReplicas))) (eq $live 0) }}
{{- end }}
{{- end }}
{{- end }}
