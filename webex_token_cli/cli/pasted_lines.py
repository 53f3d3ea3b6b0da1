"""Lines that a person pastes into another terminal, in the language of its shell."""

import os
import shlex
from collections.abc import Iterator, Mapping

_SERVICE_APP = """\
Sign the Service App in there with:
  webex-token login -p helper --scope "spark:all spark:applications_token"
  WEBEX_CLIENT_ID=$WEBEX_SERVICE_APP_CLIENT_ID WEBEX_CLIENT_SECRET=$WEBEX_SERVICE_APP_CLIENT_SECRET \\
    webex-token login -p app --flow service-app --with helper \\
    --app $WEBEX_SERVICE_APP_ID --org $WEBEX_SERVICE_APP_ORG_ID"""

_SERVICE_APP_IN_POWERSHELL = """\
Sign the Service App in there with:
  webex-token login -p helper --scope "spark:all spark:applications_token"
  $env:WEBEX_CLIENT_ID = $env:WEBEX_SERVICE_APP_CLIENT_ID
  $env:WEBEX_CLIENT_SECRET = $env:WEBEX_SERVICE_APP_CLIENT_SECRET
  webex-token login -p app --flow service-app --with helper `
    --app $env:WEBEX_SERVICE_APP_ID --org $env:WEBEX_SERVICE_APP_ORG_ID"""


def uses_powershell(environment: Mapping[str, str], is_windows: bool = os.name == "nt") -> bool:
    """Whether the lines are for PowerShell: on Windows, unless Git's shell or a similar one started the program."""
    return is_windows and "MSYSTEM" not in environment


def assignments(variables: Mapping[str, str], powershell: bool) -> Iterator[str]:
    """The lines that set environment variables."""
    for name, value in variables.items():
        if powershell:
            quoted = value.replace("'", "''")
            yield f"$env:{name} = '{quoted}'"
        else:
            yield f"export {name}={shlex.quote(value)}"


def service_app_commands(powershell: bool) -> str:
    """How the Service App of ``sandbox --preset service-app`` signs in with the variables that were set."""
    return _SERVICE_APP_IN_POWERSHELL if powershell else _SERVICE_APP
