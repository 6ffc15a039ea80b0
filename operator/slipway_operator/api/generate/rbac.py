"""The chart's roles, from the permissions that the code declares."""

from collections.abc import Iterable
from typing import Any

from slipway_operator.api.grants import Grant, Scope

_NAME = '{{ include "slipway.fullname" . }}'
_ACCOUNT = '{{ include "slipway.serviceAccountName" . }}'
_LABELS = '    {{- include "slipway.labels" . | nindent 4 }}'


def chart_rbac(grants: Iterable[Grant]) -> str:
    """Template of the roles and their bindings.

    Without ``watchNamespaces`` the watched scope is a ClusterRole; with it, a Role and a RoleBinding in each of those
    namespaces, and the operator can read nothing elsewhere.
    """
    by_scope = {scope: sorted(grant for grant in grants if grant.scope is scope) for scope in Scope}
    parts = ["{{- if .Values.rbac.create }}"]
    if by_scope[Scope.CLUSTER]:
        parts += _cluster_wide(f"{_NAME}-cluster", by_scope[Scope.CLUSTER])
    if by_scope[Scope.WATCHED]:
        parts.append(
            "{{- if .Values.watchNamespaces }}\n{{- range $namespace := .Values.watchNamespaces }}\n{{- with $ }}"
        )
        parts += _namespaced(_NAME, "{{ $namespace }}", by_scope[Scope.WATCHED])
        parts.append("{{- end }}\n{{- end }}\n{{- else }}")
        parts += _cluster_wide(_NAME, by_scope[Scope.WATCHED])
        parts.append("{{- end }}")
    if by_scope[Scope.OWN]:
        parts += _namespaced(f"{_NAME}-own", "{{ .Release.Namespace }}", by_scope[Scope.OWN])
    return "\n".join([*parts, "{{- end }}", ""])


def _cluster_wide(name: str, grants: Iterable[Grant]) -> list[str]:
    return [
        _role("ClusterRole", name, None, grants),
        _binding("ClusterRole", name, None),
    ]


def _namespaced(name: str, namespace: str, grants: Iterable[Grant]) -> list[str]:
    return [_role("Role", name, namespace, grants), _binding("Role", name, namespace)]


def _head(kind: str, name: str, namespace: str | None) -> list[str]:
    lines = ["---", "apiVersion: rbac.authorization.k8s.io/v1", f"kind: {kind}", "metadata:", f"  name: {name}"]
    if namespace:
        lines.append(f"  namespace: {namespace}")
    return [*lines, "  labels:", _LABELS]


def _role(kind: str, name: str, namespace: str | None, grants: Iterable[Grant]) -> str:
    lines = [*_head(kind, name, namespace), "rules:"]
    for grant in grants:
        lines += [
            f"  - apiGroups: [{_quoted(grant.group)}]",
            f"    resources: [{_quoted(grant.resource)}]",
            f"    verbs: [{', '.join(_quoted(verb) for verb in grant.verbs)}]",
        ]
        if grant.names:
            lines.append(f"    resourceNames: [{', '.join(_quoted(name) for name in grant.names)}]")
    return "\n".join(lines)


def _binding(kind: str, name: str, namespace: str | None) -> str:
    lines = [*_head(f"{kind}Binding", name, namespace), "roleRef:"]
    lines += ["  apiGroup: rbac.authorization.k8s.io", f"  kind: {kind}", f"  name: {name}", "subjects:"]
    lines += ["  - kind: ServiceAccount", f"    name: {_ACCOUNT}", "    namespace: {{ .Release.Namespace }}"]
    return "\n".join(lines)


def _quoted(text: Any) -> str:
    return f'"{text}"'
