{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "kubearmor.operatorImage" -}}
{{ .Values.kubearmorOperator.image.repository }}:{{ .Values.kubearmorOperator.image.tag | default (printf "v%s" .Chart.AppVersion) }}
{{- end }}
{{- define "kubearmor.image" -}}
{{ .root.Values.kubearmor.repo }}/{{ .of.image }}:{{ .of.tag | default (printf "v%s" .root.Chart.AppVersion) }}
{{- end }}
