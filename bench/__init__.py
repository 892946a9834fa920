"""`make bench`: the forms and the builds, compared with other software and with the best possible."""
