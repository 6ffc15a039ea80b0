"""The OpenAPI document as a page for people: every path, what it takes, and a line to paste into a shell."""

import json
from html import escape
from typing import Any

_LONGEST_EXAMPLE = 1500
_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 18%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; margin-bottom: .25rem; } p.lead { opacity: .75; margin-top: 0; }
details { border-top: 1px solid var(--line); padding: .6rem 0; }
summary { cursor: pointer; display: flex; gap: .75rem; align-items: baseline; }
summary code { font-weight: 600; } summary span { opacity: .7; margin-left: auto; text-align: right; }
.verb { font: 700 .7rem/1 ui-monospace, monospace; padding: .3rem .45rem; border-radius: .3rem; color: #fff; }
.get { background: #2563a8; } .post { background: #2a7d46; }
pre { background: color-mix(in srgb, currentColor 6%, transparent); padding: .8rem 1rem; border-radius: .4rem;
      overflow-x: auto; font-size: .85rem; }
td { padding: .1rem .9rem .1rem 0; vertical-align: top; } td:first-child { font-family: ui-monospace, monospace; }
"""


def page(document: dict[str, Any]) -> str:
    """HTML of an OpenAPI document; it loads nothing from elsewhere."""
    info = document["info"]
    operations = [
        _operation(path, verb, operation)
        for path, item in document["paths"].items()
        for verb, operation in item.items()
    ]
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f"<p class=lead>{escape(info['description'])} The same for programs: <a href=openapi.json>openapi.json</a>.</p>"
        f"{''.join(operations)}</html>"
    )


def _operation(path: str, verb: str, operation: dict[str, Any]) -> str:
    answers = "".join(
        f"<tr><td>{escape(code)}<td>{escape(answer['description'])}" for code, answer in operation["responses"].items()
    )
    return (
        f"<details><summary><b class='verb {verb}'>{verb.upper()}</b><code>{escape(path)}</code>"
        f"<span>{escape(operation['summary'])}</span></summary>"
        f"{_example(path, verb, operation)}<table>{answers}</table></details>"
    )


def _example(path: str, verb: str, operation: dict[str, Any]) -> str:
    if verb == "get":
        return f"<pre>curl $URL{escape(path)}</pre>"
    content = operation["requestBody"]["content"]["application/json"]
    lines = []
    for name, example in content.get("examples", {"": {"value": {}}}).items():
        body = json.dumps(example["value"])
        if len(body) <= _LONGEST_EXAMPLE:
            lines.append(f"curl $URL{path.replace('{model}', name)} -d '{body}'")
    return f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else ""
