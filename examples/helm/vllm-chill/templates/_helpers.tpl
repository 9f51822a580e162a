{{/* Of every object, and of the Lease. */}}
{{- define "vllm-chill.name" -}}
{{ .Values.config.leaseName | default "vllm-chill" }}
{{- end }}

{{/* Of the program's pods: what Deployment, Service, policies and monitors select. */}}
{{- define "vllm-chill.selector" -}}
app.kubernetes.io/name: vllm-chill
app.kubernetes.io/instance: {{ include "vllm-chill.name" . }}
{{- end }}

{{- define "vllm-chill.labels" -}}
{{ include "vllm-chill.selector" . }}
app.kubernetes.io/component: proxy
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "vllm-chill.metadata" -}}
name: {{ include "vllm-chill.name" . }}
{{ include "vllm-chill.belonging" . }}
{{- end }}

{{/* Whose it is; further annotations may follow. */}}
{{- define "vllm-chill.belonging" -}}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "vllm-chill.labels" . | nindent 2 }}
annotations:
  vllm-chill.efortin.github.io/installation: {{ .Release.Namespace }}/{{ include "vllm-chill.name" . }}
{{- end }}

{{/* A key of a Secret that somebody else keeps. */}}
{{- define "vllm-chill.secretKey" -}}
name: {{ .secret.name }}
key: {{ .secret.key | default .fallback }}
{{- end }}
