import type { ApiSettings } from "@user-service/api/ApiSettings"
import { createHmac, createPrivateKey, type JsonWebKey, sign } from "node:crypto"
import { readFileSync } from "node:fs"

type Json = Readonly<Record<string, unknown>>

// oxlint-disable-next-line typescript/no-explicit-any
const parse = (part = ""): any => JSON.parse(Buffer.from(part, "base64url").toString())

/** The claims of the token, not verified. */
export const claimsOf = (token: string) => parse(token.split(".")[1])

export const headerOf = (token: string) => parse(token.split(".")[0])

interface Key {
  readonly kid: string
  readonly jwk: JsonWebKey
}

/** The private keys of the service under test. */
export const keysOf = (settings: ApiSettings): { readonly access: readonly [Key]; readonly refresh: Key } =>
  JSON.parse(readFileSync(settings.keys.path, "utf8"))

const encode = (value: Json): string => Buffer.from(JSON.stringify(value)).toString("base64url")

const jws = (header: Json, claims: Json, signature: (data: string) => string): string => {
  const data = `${encode(header)}.${encode(claims)}`
  return `${data}.${signature(data)}`
}

/** A token signed with the given key. */
export const eddsa = ({ jwk, kid }: Key, claims: Json, header: Json = {}): string =>
  jws({ alg: "EdDSA", typ: "JWT", kid, ...header }, claims, (data) =>
    sign(null, Buffer.from(data), createPrivateKey({ key: jwk, format: "jwk" })).toString("base64url")
  )

export const hs256 = (secret: string | Buffer, claims: Json, header: Json = {}): string =>
  jws({ alg: "HS256", typ: "JWT", ...header }, claims, (data) =>
    createHmac("sha256", secret).update(data).digest("base64url")
  )

export const unsignedJwt = (claims: Json): string => jws({ alg: "none", typ: "JWT" }, claims, () => "")
