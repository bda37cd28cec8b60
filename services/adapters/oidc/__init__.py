"""OpenID Connect: discovery, keys, code flow with PKCE, group claims with Entra ID's overage, bearer tokens."""
