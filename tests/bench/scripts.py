"""What people write instead of this program: a bare script, and a script on an SDK."""

# Renews the tokens in the keyring's entry NAME, as a careful person would write it in ten lines.
BARE_SCRIPT = """
import json, os, sys, time
import keyring, requests
entry = json.loads(keyring.get_password("webex-token", sys.argv[1]))
answer = requests.post(os.environ["WEBEX_TOKEN_API_URL"] + "/access_token", timeout=30, data={
    "grant_type": "refresh_token", "client_id": entry["client_id"], "client_secret": entry["client_secret"],
    "refresh_token": entry["refresh_token"]})
answer.raise_for_status()
tokens = answer.json()
now = int(time.time())
entry.update(
    access_token=tokens["access_token"], access_expires_at=now + tokens["expires_in"],
    refresh_token=tokens["refresh_token"], refresh_expires_at=now + tokens["refresh_token_expires_in"],
    refreshed_at=now)
keyring.set_password("webex-token", sys.argv[1], json.dumps(entry))
"""

# Writes the token response on standard input to a YAML file, as wxc_sdk's Integration caches its tokens.
CACHE_FOR_WXC_SDK = """
import json, sys
from wxc_sdk.integration import Integration
from wxc_sdk.tokens import Tokens
tokens = Tokens.model_validate(json.load(sys.stdin))
tokens.set_expiration()
class SignedIn(Integration):
    def get_tokens_from_oauth_flow(self):
        return tokens
integration = SignedIn(client_id="x", client_secret="x", scopes="spark:all", redirect_url="http://localhost")
assert integration.get_cached_tokens_from_yml(sys.argv[1]) is tokens
"""

# Prints the access token that wxc_sdk's Integration has cached in a YAML file, or refreshes it first.
WXC_SDK_SCRIPT = """
import os, sys
from wxc_sdk.integration import Integration
integration = Integration(
    client_id=os.environ["WEBEX_CLIENT_ID"], client_secret=os.environ["WEBEX_CLIENT_SECRET"],
    scopes="spark:all", redirect_url="http://localhost:6001/redirect", initiate_flow_callback=lambda _: None,
    token_service=os.environ["WEBEX_TOKEN_API_URL"] + "/access_token")
tokens = integration.get_cached_tokens_from_yml(yml_path=sys.argv[1])
print(tokens.access_token)
"""

# Refreshes the tokens that wxc_sdk's Integration has cached in a YAML file, however long they still live.
WXC_SDK_REFRESH = WXC_SDK_SCRIPT.replace(
    "tokens = integration",
    """
validate = integration.validate_tokens
integration.validate_tokens = lambda tokens: validate(tokens, min_lifetime_seconds=10**9)
tokens = integration""",
)

# Renews every record of the file store, NUMBER at once, with nothing but what no renewal can do without: a lock, the
# request, and a file that survives a crash.
FEWEST_STEPS = """
import fcntl, http.client, json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit
url = urlsplit(os.environ["WEBEX_TOKEN_API_URL"])
folder = os.environ["WEBEX_TOKEN_HOME"] + "/credentials/"
here = threading.local()
def renew(name):
    if not hasattr(here, "connection"):
        here.connection = http.client.HTTPConnection(url.netloc, timeout=30)
    with open(folder + name + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(folder + name) as file:
            entry = json.load(file)
        form = urlencode({
            "grant_type": "refresh_token", "client_id": entry["client_id"], "client_secret": entry["client_secret"],
            "refresh_token": entry["refresh_token"]})
        here.connection.request("POST", url.path + "/access_token", form, {
            "Content-Type": "application/x-www-form-urlencoded"})
        tokens = json.load(here.connection.getresponse())
        now = int(time.time())
        entry.update(
            access_token=tokens["access_token"], access_expires_at=now + tokens["expires_in"],
            refresh_token=tokens["refresh_token"], refresh_expires_at=now + tokens["refresh_token_expires_in"],
            refreshed_at=now)
        with open(folder + name + ".new", "w") as file:
            json.dump(entry, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(folder + name + ".new", folder + name)
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    return name
with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    for name in pool.map(renew, sorted(name for name in os.listdir(folder) if name.endswith(".json"))):
        print(name, "renewed")
"""
