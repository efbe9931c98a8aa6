// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

const uuid = "01890000-0000-7000-8000-000000000000"

/** A change that takes the claim away. */
export const without = (name: string) => ({ [name]: undefined })

/** Claims that no token of ours of this time has. */
export const badClaims = (claims: Json, others: Json, now: number): Readonly<Record<string, Json>> => ({
  "another issuer": { iss: "elsewhere" },
  "an issuer in other letters": { iss: "User-Service" },
  "an issuer and more": { iss: "user-service " },
  "issuers in a list": { iss: ["user-service"] },
  "no issuer": without("iss"),
  "another audience": { aud: "elsewhere" },
  "audiences in a list": { aud: ["elsewhere", "another"] },
  "an empty list of audiences": { aud: [] },
  "no audience": without("aud"),
  "expired long ago": { iat: 1, exp: 2 },
  "expired a second ago": { iat: now - 100, exp: now - 1 },
  "expired now": { iat: now - 100, exp: now },
  "no end": without("exp"),
  "an end that is null": { exp: null },
  "an end as text": { exp: String(claims.exp) },
  "an end with a fraction": { exp: claims.exp + 0.5 },
  "an end beyond numbers": { exp: 1e300 },
  "an end below zero": { exp: -1 },
  "an end in a list": { exp: [claims.exp] },
  "made in two minutes": { iat: now + 120, exp: now + 7200 },
  "made tomorrow": { iat: now + 86_400, exp: now + 90_000 },
  "made after its end": { iat: claims.exp, exp: claims.exp - 1 },
  "made at no time": without("iat"),
  "made at a time as text": { iat: String(claims.iat) },
  "made before time": { iat: -1 },
  "another type": { token_type: claims.token_type === "access" ? "refresh" : "access" },
  "a type in capitals": { token_type: claims.token_type.toUpperCase() },
  "types in a list": { token_type: [claims.token_type] },
  "no type": without("token_type"),
  "another user in one of two places": { user_id: others.sub },
  "another user in the other place": { sub: others.sub },
  "a subject that is no id": { sub: "1", user_id: "1" },
  "a subject that is a number": { sub: 1, user_id: 1 },
  "an admin": { sub: "admin", user_id: "admin" },
  "an injection": { sub: "' or '1'='1", user_id: "' or '1'='1" },
  "no subject": { sub: undefined, user_id: undefined },
  "no user": without("user_id"),
  "an unknown session": { sid: uuid },
  "a session that is no id": { sid: "x" },
  "no session": without("sid"),
  "no token id": without("jti"),
  "a short token id": { jti: "x" },
  "a token id that is a path": { jti: "../../../../etc/passwd" }
})

/** Parts of a header that no token of ours has. */
export const badHeaders: Readonly<Record<string, Json>> = {
  "no algorithm": { alg: undefined },
  "another algorithm": { alg: "ES256" },
  "RSA's": { alg: "RS256" },
  "a list of algorithms": { alg: ["EdDSA"] },
  "an algorithm in other letters": { alg: "eddsa" },
  "HMAC's": { alg: "HS256" },
  "no key id": { kid: undefined },
  "an unknown key id": { kid: "x" },
  "an empty key id": { kid: "" },
  "a key id that is null": { kid: null },
  "a key id that is a number": { kid: 0 },
  "key ids in a list": { kid: [] },
  "a key id that is a path": { kid: "../../../../dev/null" },
  "a key id that is a file": { kid: "file:///etc/passwd" },
  "a key id that is an address": { kid: "http://evil.example/key" },
  "a key id that is an injection": { kid: "' union select '1" },
  "a key id that is a prototype": { kid: "__proto__" },
  "a key id that is a constructor": { kid: "constructor" },
  "a long key id": { kid: "x".repeat(2000) },
  "no type": { typ: undefined },
  "the type of another token": { typ: "JWE" },
  "a type in a list": { typ: ["JWT"] },
  "what must be understood and is not": { crit: ["x"], x: 1 },
  "what must be understood and is not there": { crit: ["exp"] },
  "nothing that must be understood": { crit: [] },
  "a payload that is not in base 64": { b64: false, crit: ["b64"] }
}
