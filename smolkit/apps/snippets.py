"""A request of a page as a program that sends it again, in Python and for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence


def python_program(address: str, endpoint: str, arguments: Sequence[object], results: str) -> str:
    """Python with gradio_client; `results` are the names that the answer is unpacked to."""
    given = "".join(f"    {argument!r},\n" for argument in arguments)
    return f"""from gradio_client import Client

client = Client({address!r}, verbose=False)
{results} = client.predict(
{given}    api_name={endpoint!r},
)
print({results.partition(",")[0]})
"""


def shell_program(address: str, endpoint: str, arguments: Sequence[object]) -> str:
    """Two calls of curl: one that asks and gets a ticket, one that waits for the answer."""
    url = shlex.quote(f"{address.rstrip('/')}/gradio_api/call{endpoint}")
    body = shlex.quote(json.dumps({"data": list(arguments)}, ensure_ascii=False))
    return f"""ticket=$(curl -s {url} -H 'Content-Type: application/json' -d {body} | cut -d '"' -f 4)
curl -sN {url}/"$ticket"
"""
