import type { ApiSettings } from "@user-service/api/ApiSettings"
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto"
import * as Jwt from "../sessions/Jwt.ts"
import type { Tokens } from "../TestApi.ts"
import { badClaims, badHeaders, without } from "./BadTokens.ts"
import type { Random } from "./Random.ts"

/** A token that is not one of ours, and what was done to it. */
export interface Forgery {
  readonly name: string
  readonly token: string
}

// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

const named = (group: string, tokens: Readonly<Record<string, string>>): ReadonlyArray<Forgery> =>
  Object.entries(tokens).map(([name, token]) => ({ name: `${group}: ${name}`, token }))

const base64url = (text: string | Buffer): string => Buffer.from(text).toString("base64url")

/** A token of these very texts. */
const written = (header: string, payload: string, key: KeyObject): string => {
  const data = `${base64url(header)}.${base64url(payload)}`
  return `${data}.${sign(null, Buffer.from(data), key).toString("base64url")}`
}

const flipped = (text: string, at: number, bit: number): string =>
  text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1)

const base64urlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

/** Another digit at this place, so that what comes out is still base 64. */
const otherDigit = (random: Random, text: string, at: number): string =>
  text.slice(0, at) + random.pick([...base64urlDigits].filter((digit) => digit !== text[at])) + text.slice(at + 1)

/** One bit or digit of the token is another, in each of its three parts. */
const altered = (random: Random, token: string): ReadonlyArray<Forgery> => {
  const starts = [0, token.indexOf(".") + 1, token.lastIndexOf(".") + 1]
  const ends = [token.indexOf("."), token.lastIndexOf("."), token.length]
  return starts.flatMap((start, part) => {
    const length = (ends[part] ?? 0) - start
    const places = Array.from({ length: 25 }, () => start + random.below(length))
    return [
      ...places.map((at) => ({ name: `bit flipped at ${at}`, token: flipped(token, at, random.below(7)) })),
      ...places.map((at) => ({ name: `digit changed at ${at}`, token: otherDigit(random, token, at) }))
    ]
  })
}

const signatureOf = (token: string): Buffer => Buffer.from(token.slice(token.lastIndexOf(".") + 1), "base64url")

/** The same signature, in other digits than those it is written in (RFC 4648, sections 3.2, 3.3 and 3.5). */
export const respellings = (token: string): ReadonlyArray<Forgery> => {
  const middle = token.lastIndexOf(".") + 20
  const spaced = (space: string) => token.slice(0, middle) + space + token.slice(middle)
  const others = [...base64urlDigits].map((digit) => token.slice(0, -1) + digit)
  return [
    ...others
      .filter((other) => other !== token && signatureOf(other).equals(signatureOf(token)))
      .map((other) => ({ name: `another last digit, ${other.at(-1)}`, token: other })),
    ...named("spelled", {
      "with padding": `${token}==`,
      "with half the padding": `${token}=`,
      "with a space": spaced(" "),
      "with a tab": spaced("\t"),
      "with a line end": spaced("\n")
    })
  ]
}

/** The form is not that of a token. */
const misshapen = (token: string): ReadonlyArray<Forgery> => {
  const [header = "", payload = "", signature = ""] = token.split(".")
  return named("form", {
    "without a signature": `${header}.${payload}.`,
    "of two parts": `${header}.${payload}`,
    "of one part": header,
    "of four parts": `${token}.${signature}`,
    "of five parts": `${header}..${payload}.${signature}.`,
    "with a dot before": `.${token}`,
    "with a dot behind": `${token}.`,
    "without a header": `.${payload}.${signature}`,
    "without a payload": `${header}..${signature}`,
    dots: "..",
    "many dots": ".".repeat(2000),
    "in quotes": `"${token}"`,
    "in the other alphabet": `${header}.${payload}.${signature.replaceAll("-", "+").replaceAll("_", "/")}+`,
    "with a percent sign": token.replace(".", "%2E"),
    "in capitals": token.toUpperCase(),
    "in small letters": token.toLowerCase(),
    twice: `${token}${token}`,
    "twice, with a comma": `${token},${token}`,
    "cut short": token.slice(0, -1),
    "cut shorter": token.slice(0, -20),
    "one more digit": `${token}A`,
    "four more digits": `${token}AAAA`,
    "as JSON": JSON.stringify({ protected: header, payload, signature }),
    "as JSON of many": JSON.stringify({ payload, signatures: [{ protected: header, signature }] }),
    huge: `${token}${"A".repeat(7000)}`,
    "huge in its payload": `${header}.${payload.repeat(20)}.${signature}`,
    "not UTF-8": `${base64url(Buffer.from([0xff, 0xfe, 0xfd]))}.${base64url(Buffer.from([0xc3, 0x28]))}.${signature}`,
    "not ASCII": `\u00fc${token}`,
    null: "null",
    undefined: "undefined",
    "a number": "1",
    "an address": "https://evil.example/token.jwt"
  })
}

/** Parts of genuine tokens, put together anew. */
const mixed = (tokens: ReadonlyArray<string>): ReadonlyArray<Forgery> => {
  const parts = tokens.map((token) => token.split("."))
  return parts.flatMap(([header], a) =>
    parts.flatMap(([, payload], b) =>
      parts.map(([, , signature], c) => ({
        name: `header of ${a}, payload of ${b}, signature of ${c}`,
        token: `${header}.${payload}.${signature}`
      }))
    )
  )
}

interface Genuine {
  readonly settings: ApiSettings
  /** Of two people. */
  readonly tokens: readonly [Tokens, Tokens]
  /** Seconds since 1970. */
  readonly now: number
}

/** Signed by somebody else, or by nobody. */
const signedByOthers = ({ settings, tokens: [{ access }] }: Genuine): ReadonlyArray<Forgery> => {
  const claims = Jwt.claimsOf(access)
  const keys = Jwt.keysOf(settings)
  const { kid } = keys.access[0]
  const stranger = generateKeyPairSync("ed25519")
  const strangerJwk = stranger.publicKey.export({ format: "jwk" })
  const foreign = { kid, jwk: stranger.privateKey.export({ format: "jwk" }) }
  const publicKey = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: keys.access[0].jwk.x ?? "" },
    format: "jwk"
  })
  const publicJwk = publicKey.export({ format: "jwk" })
  const secrets: Readonly<Record<string, string | Buffer>> = {
    nothing: "",
    "the key's id": kid,
    "the public key as a JWK": JSON.stringify(publicJwk),
    "the public key's digits": publicJwk.x ?? "",
    "the public key's bytes": Buffer.from(publicJwk.x ?? "", "base64url"),
    "the public key as PEM": publicKey.export({ format: "pem", type: "spki" }),
    "the public key as DER": publicKey.export({ format: "der", type: "spki" })
  }
  const nones = ["none", "None", "NONE", "nOnE", "", " none", "null"]
  const header = Buffer.from(access.slice(0, access.indexOf(".")), "base64url").toString()
  const payload = JSON.stringify(claims)
  const [, second = ""] = access.split(".")
  const signature = access.slice(access.lastIndexOf(".") + 1)
  return [
    ...nones.flatMap((alg) =>
      named(`algorithm ${JSON.stringify(alg)}`, {
        "no signature": `${base64url(JSON.stringify({ alg, typ: "JWT" }))}.${second}.`,
        "no signature, the key's id": `${base64url(JSON.stringify({ alg, typ: "JWT", kid }))}.${second}.`,
        "the old signature": `${base64url(JSON.stringify({ alg, typ: "JWT", kid }))}.${second}.${signature}`
      })
    ),
    ...Object.entries(secrets).flatMap(([name, secret]) =>
      ["HS256", "HS384", "HS512", "EdDSA"].map((alg) => ({
        name: `HMAC under ${name}, as ${alg}`,
        token: Jwt.hs256(secret, claims, { alg, kid })
      }))
    ),
    ...named("another key", {
      "of the same id": Jwt.eddsa(foreign, claims),
      "of an id of its own": Jwt.eddsa({ ...foreign, kid: "x" }, claims),
      "of no id": Jwt.eddsa(foreign, claims, { kid: undefined }),
      "in the header": Jwt.eddsa(foreign, claims, { jwk: strangerJwk }),
      "in the header alone": Jwt.eddsa(foreign, claims, { kid: undefined, jwk: strangerJwk }),
      "at an address": Jwt.eddsa(foreign, claims, { jku: "https://evil.example/jwks.json" }),
      "in a certificate": Jwt.eddsa(foreign, claims, { x5c: ["AAAA"], x5u: "https://evil.example/x" }),
      "named by a path": Jwt.eddsa({ ...foreign, kid: "../../../../dev/null" }, claims),
      "and two subjects": written(
        header,
        payload.replace("{", '{"sub":"01890000-0000-7000-8000-000000000000",'),
        stranger.privateKey
      ),
      "and two algorithms": written(header.replace("{", '{"alg":"none",'), payload, stranger.privateKey)
    }),
    ...named("the key of refresh tokens", {
      "under its own id": Jwt.eddsa(keys.refresh, claims),
      "under that of access tokens": Jwt.eddsa({ ...keys.refresh, kid }, claims)
    })
  ]
}

/** Rightly signed, as none of ours is: whoever has the key cannot do these either. */
const signedByUs = ({ now, settings, tokens: [one, other] }: Genuine, type: keyof Tokens): ReadonlyArray<Forgery> => {
  const keys = Jwt.keysOf(settings)
  const key = type === "access" ? keys.access[0] : keys.refresh
  const claims = Jwt.claimsOf(one[type])
  const others = Jwt.claimsOf(other[type])
  const wrong =
    type === "access"
      ? {}
      : {
          "no generation": without("gen"),
          "a generation as text": { gen: "1" },
          "a generation below zero": { gen: -1 }
        }
  return [
    ...Object.entries({ ...badClaims(claims, others, now), ...wrong }).map(([name, change]) => ({
      name: `${type} token with ${name}`,
      token: Jwt.eddsa(key, { ...claims, ...change })
    })),
    ...Object.entries(badHeaders).map(([name, change]) => ({
      name: `${type} token with a header of ${name}`,
      token: Jwt.eddsa(key, claims, change)
    })),
    ...named(`${type} token whose payload is`, {
      empty: Jwt.eddsa(key, {}),
      "a list": Jwt.eddsa(key, [claims] as Json),
      null: Jwt.eddsa(key, null as Json),
      "a prototype": Jwt.eddsa(key, JSON.parse(`{"__proto__":${JSON.stringify(claims)}}`))
    })
  ]
}

/** Rightly signed, and not good before tomorrow (RFC 7519, section 4.1.5). */
export const prematureTokens = ({ now, settings, tokens: [{ access, refresh }] }: Genuine): ReadonlyArray<Forgery> => {
  const keys = Jwt.keysOf(settings)
  const nbf = now + 86_400
  return named("not good yet", {
    "an access token": Jwt.eddsa(keys.access[0], { ...Jwt.claimsOf(access), nbf }),
    "a refresh token": Jwt.eddsa(keys.refresh, { ...Jwt.claimsOf(refresh), nbf })
  })
}

/** Rightly signed for one user in the session of another, as whoever shares the secret could. */
export const swappedTokens = ({ settings, tokens: [one, other] }: Genuine): ReadonlyArray<Forgery> => {
  const [key] = Jwt.keysOf(settings).access
  const [claims, others] = [Jwt.claimsOf(one.access), Jwt.claimsOf(other.access)]
  return named("an access token", {
    "of another user in the session": Jwt.eddsa(key, { ...claims, sub: others.sub, user_id: others.sub }),
    "of the session of another user": Jwt.eddsa(key, { ...claims, sid: others.sid })
  })
}

/** Tokens that no one is to take: of two people, whose own are good. */
export const make = (genuine: Genuine, random: Random): ReadonlyArray<Forgery> => {
  const [one, other] = genuine.tokens
  const good = [one.access, one.refresh, other.access, other.refresh]
  const all = [
    ...altered(random, one.access),
    ...altered(random, one.refresh),
    ...misshapen(one.access),
    ...misshapen(one.refresh),
    ...mixed(good),
    ...signedByOthers(genuine),
    ...signedByUs(genuine, "access"),
    ...signedByUs(genuine, "refresh")
  ]
  return all.filter(({ token }) => !good.includes(token))
}
