"""Django writes models of what is in a database (`inspect`), or brings tables of its own into it and takes some out again (`migrate`)."""

import io
import os
import sys

import django
from django.conf import settings
from django.core.management import call_command

from steps import say

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}},
    INSTALLED_APPS=[f"django.contrib.{app}" for app in ("contenttypes", "auth", "sessions", "admin")],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()


def run(*command):
    output = io.StringIO()
    call_command(*command, stdout=output)
    return output.getvalue()


if sys.argv[1:] == ["migrate"]:
    applied = run("migrate").count("... OK")
    from django.contrib.auth.models import Group

    Group.objects.create(name="people")
    say(applied=applied, groups=list(Group.objects.values_list("name", flat=True)))
    say(taken_back=run("migrate", "admin", "zero").count("... OK"))
else:
    say(models=run("inspectdb", "--include-partitions", "--include-views"))
