import { Result, Schema } from "effect"
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, randomBytes } from "node:crypto"

/** How long others may keep our JWKS without asking again, in seconds; a key signs only when all can have seen it. */
export const jwksMaxAgeSeconds = 300

// How far the clocks of two machines may be apart before a token outlives its key.
const clockSkewSeconds = 60

const Base64Url32 = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{43}$/))

/** An Ed25519 key as a private JWK (RFC 8037, section 2). */
const PrivateJwk = Schema.Struct({
  kty: Schema.Literal("OKP"),
  crv: Schema.Literal("Ed25519"),
  x: Base64Url32,
  d: Base64Url32
})

const EpochSeconds = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** A key that signs access tokens, and when. Times are seconds since 1970. */
export const AccessKey = Schema.Struct({
  /** The thumbprint of the public key (RFC 7638). */
  kid: Base64Url32,
  jwk: PrivateJwk,
  publishedAt: EpochSeconds,
  /** Signs from this second on, until the next key does. */
  notBefore: EpochSeconds,
  /** When the last token it signed has expired and it leaves the JWKS; null while it is the newest. */
  notAfter: Schema.NullOr(EpochSeconds)
}).pipe(Schema.encodeKeys({ publishedAt: "published_at", notBefore: "not_before", notAfter: "not_after" }))
export type AccessKey = typeof AccessKey.Type

/**
 * Every secret that tokens rest on, as the key file holds them. Access keys stand in the order they sign in. The refresh
 * key is published nowhere, so no one else can make or check a refresh token; it has no successor, since replacing it ends
 * every session.
 */
export const KeySet = Schema.Struct({
  access: Schema.NonEmptyArray(AccessKey),
  refresh: Schema.Struct({
    kid: Base64Url32,
    jwk: PrivateJwk,
    /** 256 random bits the ids of refresh tokens are made with. */
    idSecret: Base64Url32
  }).pipe(Schema.encodeKeys({ idSecret: "id_secret" }))
})
export type KeySet = typeof KeySet.Type

type KeyPair = Pick<AccessKey, "kid" | "jwk">

const thumbprint = ({ crv, kty, x }: AccessKey["jwk"]): string =>
  hash("sha256", JSON.stringify({ crv, kty, x }), "base64url")

/** A new key, from the system's randomness. */
export const makeKeyPair = (): KeyPair => {
  const jwk = Schema.decodeUnknownSync(PrivateJwk)(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }))
  return { kid: thumbprint(jwk), jwk }
}

/** The first key set of an installation. Its key signs at once: nobody holds an older JWKS. */
export const generate = (now: number): KeySet => ({
  access: [{ ...makeKeyPair(), publishedAt: now, notBefore: now, notAfter: null }],
  refresh: { ...makeKeyPair(), idSecret: randomBytes(32).toString("base64url") }
})

/**
 * Publishes `next`, which signs once the JWKS's max-age has passed; until then the keys before it go on, and they stay
 * published until the last token they signed has ended. Keys whose time is over are dropped.
 */
export const rotate = (
  keys: KeySet,
  next: KeyPair,
  options: { readonly now: number; readonly accessLifetimeSeconds: number }
): KeySet => {
  const notBefore = options.now + jwksMaxAgeSeconds
  const last = notBefore + options.accessLifetimeSeconds + clockSkewSeconds
  const successor: AccessKey = { ...next, publishedAt: options.now, notBefore, notAfter: null }
  const kept = publishedKeys(keys.access, options.now).map((key) => ({ ...key, notAfter: key.notAfter ?? last }))
  const [first, ...rest] = kept
  return { ...keys, access: first === undefined ? [successor] : [first, ...rest, successor] }
}

/** Those of the access keys whose tokens are accepted at `now`. */
export const publishedKeys = <K extends Pick<AccessKey, "notAfter">>(
  keys: ReadonlyArray<K>,
  now: number
): ReadonlyArray<K> => keys.filter((key) => key.notAfter === null || key.notAfter > now)

/** Which of the access keys signs at `now`: the newest that may; the first of all where none may yet. */
export const signingKey = <K extends Pick<AccessKey, "notBefore">>(keys: readonly [K, ...Array<K>], now: number): K =>
  keys.findLast((key) => key.notBefore <= now) ?? keys[0]

/** Reads a key file's text; a failure says what is wrong and never shows a key. */
export const parse = (text: string): Result.Result<KeySet, string> => {
  const decoded = Schema.decodeUnknownResult(Schema.fromJsonString(KeySet))(text)
  // The issue itself quotes what it found, which is key material.
  if (Result.isFailure(decoded)) return Result.fail("is not a key set")
  const keys = decoded.success
  const odd = [...keys.access, keys.refresh].find((key) => thumbprint(key.jwk) !== key.kid || !isPair(key.jwk))
  return odd === undefined ? Result.succeed(keys) : Result.fail(`has a key ${odd.kid} that does not fit together`)
}

/** The text of a key file. */
export const format = (keys: KeySet): string => `${JSON.stringify(Schema.encodeSync(KeySet)(keys), undefined, 2)}\n`

const isPair = (jwk: AccessKey["jwk"]): boolean =>
  createPublicKey(createPrivateKey({ key: jwk, format: "jwk" })).export({ format: "jwk" }).x === jwk.x
