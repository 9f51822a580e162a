{{/* Made by: node examples/generate.ts */}}
{{- define "vllm-chill.rules" -}}
- apiGroups: ["apps"]
  resources: [deployments]
  verbs:
    - get
    - list
    - watch
    {{- if .Values.config.enableModelSwitch }}
    - create
    - patch
    {{- end }}
- apiGroups: ["apps"]
  resources: [deployments/scale]
  verbs:
    - get
    - update
- apiGroups: [""]
  resources: [services]
  verbs:
    - list
    - watch
    {{- if .Values.config.enableModelSwitch }}
    - get
    - create
    - patch
    {{- end }}
- apiGroups: [""]
  resources: [configmaps]
  verbs:
    - list
    - watch
    {{- if .Values.config.enableModelSwitch }}
    - get
    - create
    - patch
    {{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs:
    - list
    - watch
- apiGroups: [""]
  resources: [pods/log]
  verbs:
    - get
{{- if .Values.portForward }}
- apiGroups: [""]
  resources: [pods/portforward]
  verbs:
    - get
    - create
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs:
    - list
    - create
- apiGroups: ["coordination.k8s.io"]
  resources: [leases]
  verbs:
    - get
    - create
    - update
- apiGroups: ["vllm.efortin.github.io"]
  resources: [vllmmodels]
  verbs:
    - list
    - watch
- apiGroups: ["vllm.efortin.github.io"]
  resources: [vllmmodels/status]
  verbs:
    - patch
{{- end }}

{{- define "vllm-chill.publicPaths" -}}
- /v1
- /v2
- /inference/v1
- /rerank
- /score
- /classify
- /pooling
- /generative_scoring
- /tokenize
- /detokenize
- /invocations
{{- end }}
