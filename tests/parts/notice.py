"""A security-breach notice without mistakes."""

NOTICE = """\
Title: Someone read mail & <files>
Breached: 2027-02-01
Discovered: 2027-02-03
Published: 2027-02-05
Updated: 2027-02-07
Until: 2027-02-10
Contact: Privacy desk (privacy@imqs.co.za)

## What happened
Someone read *mail*.

## What was affected
Names.

## What was not affected
Passwords.

## Possible consequences
False mail.

## What we have done
We closed the account.

## What we will do
We will check the others.

## What you should do
Do not open attachments.

## Who did it
We do not know.
"""


def notice(**changed: str) -> str:
    """Return a notice with the text of some labelled lines changed."""
    lines = [line.partition(":") for line in NOTICE.split("\n")]
    return "\n".join(
        f"{label}: {changed[label]}" if label in changed else "".join([label, *rest])
        for label, *rest in lines
    )
