"""Checks a token on standard input with PyJWT, by the issuer's discovery document, and
prints the object id that it names: verify.py ISSUER AUDIENCE"""
import json
import sys
import urllib.request

import jwt

issuer, audience = sys.argv[1:3]
token = sys.stdin.read()
with urllib.request.urlopen(issuer.rstrip("/") + "/.well-known/openid-configuration") as answer:
    document = json.load(answer)
assert document["issuer"] == issuer
key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(token)
print(jwt.decode(token, key.key, algorithms=["RS256"], audience=audience, issuer=issuer)["oid"])
