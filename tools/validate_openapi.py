"""Fetches an OpenAPI document, validates it, and prints how much it describes.

Usage: validate_openapi.py URL. If the document is not valid, prints the errors and exits with 1.
"""

import json
import sys
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def main(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        document = json.load(response)

    version = str(document.get("openapi"))
    if not version.startswith("3.1."):
        print(f"{url}: the document is OpenAPI {version}; expected 3.1", file=sys.stderr)
        return 1

    faults = list(OpenAPIV31SpecValidator(document).iter_errors())
    for fault in faults:
        place = "/".join(str(step) for step in fault.absolute_path)
        print(f"{url}#/{place}: {fault.message}", file=sys.stderr)
    if faults:
        return 1

    paths = document.get("paths", {})
    operations = sum(len(METHODS & item.keys()) for item in paths.values())
    if operations == 0:
        print(f"{url}: the document describes no operations", file=sys.stderr)
        return 1
    print(f"    valid OpenAPI {version}: {operations} operations on {len(paths)} paths")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
