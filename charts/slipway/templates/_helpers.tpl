{{- define "slipway.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "slipway.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "slipway.labels" -}}
{{ include "slipway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: slipway
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "slipway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "slipway.fullname" .) }}{{ else }}{{ required "serviceAccount.name: name the account to use, or set serviceAccount.create=true" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{/* Reference of an image: (list $ "serve"). */}}
{{- define "slipway.image" -}}
{{- $root := index . 0 }}{{ $image := index $root.Values.images (index . 1) }}
{{- $repository := $image.repository }}
{{- with $root.Values.images.registry }}{{ $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}{{ end }}
{{- if $image.digest }}{{ printf "%s@%s" $repository $image.digest }}{{ else }}{{ printf "%s:%s" $repository ($image.tag | default $root.Chart.AppVersion) }}{{ end }}
{{- end }}

{{- define "slipway.pullSecrets" -}}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What Pod Security "restricted" asks of a pod. */}}
{{- define "slipway.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "slipway.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "slipway.storeMode" -}}
{{- if and .Values.store.embedded.enabled .Values.store.external.uri }}{{ fail "store: set store.embedded.enabled=false to use store.external.uri; one install has one store" }}{{ end }}
{{- if .Values.store.embedded.enabled }}embedded{{ else if .Values.store.external.uri }}external{{ else }}none{{ end }}
{{- end }}

{{/* A fixed name: the operator's role is limited to it. */}}
{{- define "slipway.storeRootSecret" -}}
slipway-store-root
{{- end }}

{{- define "slipway.storeEndpoint" -}}
{{- if eq (include "slipway.storeMode" .) "embedded" }}http://{{ include "slipway.fullname" . }}-store.{{ .Release.Namespace }}.svc:7070{{ else }}{{ .Values.store.external.endpoint }}{{ end }}
{{- end }}

{{/* Settings of every program of the operator image. */}}
{{- define "slipway.operatorEnv" -}}
{{- $mode := include "slipway.storeMode" . }}
- name: SLIPWAY_OPERATOR_NAMESPACE
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: SLIPWAY_OPERATOR_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- {name: SLIPWAY_OPERATOR_LOG_LEVEL, value: {{ .Values.operator.logLevel | upper | quote }}}
- {name: SLIPWAY_OPERATOR_WATCH_NAMESPACES, value: {{ .Values.watchNamespaces | toJson | quote }}}
- {name: SLIPWAY_OPERATOR_TRAIN_IMAGE, value: {{ include "slipway.image" (list . "train") | quote }}}
- {name: SLIPWAY_OPERATOR_SERVE_IMAGE, value: {{ include "slipway.image" (list . "serve") | quote }}}
- {name: SLIPWAY_OPERATOR_CONVERT_IMAGE, value: {{ include "slipway.image" (list . "convert") | quote }}}
- {name: SLIPWAY_OPERATOR_IMAGE_PULL_POLICY, value: {{ .Values.images.pullPolicy | quote }}}
- {name: SLIPWAY_OPERATOR_NETWORK_POLICIES, value: {{ .Values.networkPolicies.enabled | quote }}}
- {name: SLIPWAY_OPERATOR_RETENTION_GRACE, value: {{ .Values.retention.grace | quote }}}
- {name: SLIPWAY_OPERATOR_STORE_MODE, value: {{ $mode | quote }}}
{{- if ne $mode "none" }}
- {name: SLIPWAY_OPERATOR_STORE_ENDPOINT, value: {{ include "slipway.storeEndpoint" . | quote }}}
{{- end }}
{{- if eq $mode "embedded" }}
- {name: SLIPWAY_OPERATOR_STORE_REGION, value: us-east-1}
- {name: SLIPWAY_OPERATOR_STORE_ROOT_SECRET, value: {{ include "slipway.storeRootSecret" . | quote }}}
{{- else if eq $mode "external" }}
- {name: SLIPWAY_OPERATOR_STORE_URI, value: {{ .Values.store.external.uri | quote }}}
- {name: SLIPWAY_OPERATOR_STORE_REGION, value: {{ .Values.store.external.region | quote }}}
- {name: SLIPWAY_OPERATOR_STORE_NETWORK_CIDRS, value: {{ .Values.store.external.networkCidrs | toJson | quote }}}
- {name: SLIPWAY_OPERATOR_STORE_ROOT_SECRET, value: {{ .Values.store.external.secretName | quote }}}
{{- end }}
{{- end }}
