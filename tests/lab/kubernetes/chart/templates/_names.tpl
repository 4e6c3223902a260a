{{/* Names and labels, by the official chart's scheme. */}}
{{- define "newt.fullname" -}}
{{- $name := default .Chart.Name .Values.global.nameOverride -}}
{{- default (printf "%s-%s" .Release.Name $name) .Values.global.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/* Of an instance: called with a dict of root and instance. */}}
{{- define "newt.instance" -}}
{{- printf "%s-%s" (include "newt.fullname" .root) .instance.name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "newt.account" -}}
{{- with .Values.serviceAccount -}}
{{- default (ternary (printf "%s-sa" (include "newt.fullname" $) | trunc 63 | trimSuffix "-") "default" .create) .name -}}
{{- end -}}
{{- end }}

{{- define "newt.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.global.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- with .Values.global.additionalLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What selects the pods of an instance. The name of the chart is not among a pod's labels. */}}
{{- define "newt.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
newt.instance: {{ .instance.name }}
{{- end }}
