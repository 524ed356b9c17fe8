{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "kubearmor.operatorImage" -}}
{{ .Values.kubearmorOperator.image.repository }}:{{ .Values.kubearmorOperator.image.tag | default (printf "v%s" .Chart.AppVersion) }}
{{- end }}
{{- define "kubearmor.image" -}}
{{ .root.Values.kubearmor.repo }}/{{ .of.image }}:{{ .of.tag | default (printf "v%s" .root.Chart.AppVersion) }}
{{- end }}
{{/* Of the DaemonSet for a socket: src/install/shapes.ts. */}}
{{- define "kubearmor.shape" -}}
kubearmor-containerd-{{ sha256sum . | trunc 5 }}
{{- end }}
{{- define "kubearmor.operatorArgs" -}}
{{- $socket := .root.Values.kubearmorOperator.socketFile -}}
{{ toJson ($socket | empty | ternary .args (prepend .args (printf "-socket-file=%s" $socket))) }}
{{- end }}
{{/* Names of the values in `given` that `known` has not, a line each; `at` is what stands before them. */}}
{{- define "kubearmor.notTaken" -}}
{{- range $key, $value := .given }}
{{- $at := printf "%s%s" $.at $key }}
{{- $known := get $.known $key }}
{{- if kindIs "bool" $known }}
{{- else if kindIs "map" $value }}
{{- include "kubearmor.notTaken" (dict "given" $value "known" ($known | default dict) "at" (printf "%s." $at)) }}
{{- else if not (kindIs "invalid" $value) }}
{{- printf "%s\n" $at }}
{{- end }}
{{- end }}
{{- end }}
{{- define "kubearmor.allNotTaken" -}}
{{- include "kubearmor.notTaken" (dict "given" (omit .Values "global") "known" (include "kubearmor.known" . | fromJson) "at" "") | trim }}
{{- end }}
