# What webex-token needs in OpenBao or Vault, for WEBEX_TOKEN_VAULT_PATH=secret/webex-token:
#
#     bao policy write webex-token policy.hcl

# The records: read them, and write the next version of one.
path "secret/data/webex-token/*" {
  capabilities = ["create", "read", "update"]
}

# The names of the profiles.
path "secret/metadata/webex-token/" {
  capabilities = ["list"]
}

# That a write needs the number of the version before, and how many versions are stored.
path "secret/metadata/webex-token/*" {
  capabilities = ["create", "update"]
}

# Remove former tokens for good.
path "secret/destroy/webex-token/*" {
  capabilities = ["update"]
}
