"""Check that a built site can serve the forms: `python -m form_backend.commands.check_site DIR`.

It needs no settings, so that whoever publishes the site can run it.
"""

import sys
from pathlib import Path

from form_backend.forms import FORMS
from form_backend.site import Site


def main() -> None:
    """Read the site as the form backend does; what it cannot use ends with a sentence and exit status 1."""
    [folder] = sys.argv[1:] or [""]
    if not folder:
        raise SystemExit("Name the folder of the built site, like: output")
    Site(Path(folder), FORMS)


if __name__ == "__main__":
    main()
