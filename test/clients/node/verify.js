// Checks a token on standard input with jose, by the issuer's discovery document, and
// prints the object id that it names: verify.js ISSUER AUDIENCE
import { createRemoteJWKSet, jwtVerify } from "jose";
import { text } from "node:stream/consumers";

const [issuer, audience] = process.argv.slice(2);
const document = await (await fetch(issuer.replace(/\/$/, "") + "/.well-known/openid-configuration")).json();
const keys = createRemoteJWKSet(new URL(document.jwks_uri));
const { payload } = await jwtVerify(await text(process.stdin), keys, { issuer: document.issuer, audience, algorithms: ["RS256"] });
if (document.issuer !== issuer) throw new Error(`document of ${document.issuer}`);
console.log(payload.oid);
