{{/* The environment of newt: called with a dict of root and instance. */}}
{{- define "newt.environment" -}}
{{- $global := .root.Values.global -}}
{{- $instance := .instance -}}
{{- $auth := $instance.auth | default dict -}}
{{- $keys := $auth.keys | default dict -}}
{{- range $variable, $key := dict
    "PANGOLIN_ENDPOINT" ($keys.endpointKey | default "PANGOLIN_ENDPOINT")
    "NEWT_ID" ($keys.idKey | default "NEWT_ID")
    "NEWT_SECRET" ($keys.secretKey | default "NEWT_SECRET") }}
- name: {{ $variable }}
  valueFrom: {secretKeyRef: {name: {{ $auth.existingSecretName }}, key: {{ $key }}}}
{{- end }}
{{- $override := $instance.allowGlobalOverride | default false }}
{{- $level := ternary ($instance.logLevel | default $global.logLevel) $global.logLevel $override }}
{{- $variables := dict "LOG_LEVEL" $level }}
{{- if and $instance.mtu (ne (int $instance.mtu) 1280) }}
{{- $_ := set $variables "MTU" $instance.mtu }}
{{- end }}
{{- range $variable, $value := dict
    "DNS" $instance.dns
    "PING_INTERVAL" $instance.pingInterval
    "PING_TIMEOUT" $instance.pingTimeout
    "ACCEPT_CLIENTS" $instance.acceptClients
    "DISABLE_CLIENTS" $instance.disableClients
    "ENFORCE_HC_CERT" $instance.enforceHcCert
    "NO_CLOUD" $instance.noCloud }}
{{- if $value }}{{ $_ := set $variables $variable $value }}{{ end }}
{{- end }}
{{- if $global.health.enabled }}
{{- $_ := set $variables "HEALTH_FILE" ($instance.healthFile | default $global.health.path) }}
{{- end }}
{{- with $instance.configPersistence | default dict }}
{{- if .enabled }}
{{- $folder := .mountPath | default "/var/lib/newt" | trimSuffix "/" }}
{{- $_ := set $variables "CONFIG_FILE" (printf "%s/%s" $folder (.fileName | default "config.json")) }}
{{- end }}
{{- end }}
{{- range $variable, $value := mergeOverwrite $variables (deepCopy $global.extraEnv) ($instance.extraEnv | default dict) }}
- name: {{ $variable }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- end }}
