import { Result, Schema } from "effect"
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, randomBytes } from "node:crypto"

/** How long clients may cache the JWKS, in seconds. A new key starts to sign only after this time. */
export const jwksMaxAgeSeconds = 300

// The tolerated difference between the clocks of two machines.
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

/** A key for access tokens. Times are seconds since 1970. */
export const AccessKey = Schema.Struct({
  /** The thumbprint of the public key (RFC 7638). */
  kid: Base64Url32,
  jwk: PrivateJwk,
  publishedAt: EpochSeconds,
  /** When the key starts to sign. The next key replaces it. */
  notBefore: EpochSeconds,
  /** When its last token has expired and it leaves the JWKS. Null for the newest key. */
  notAfter: Schema.NullOr(EpochSeconds)
}).pipe(Schema.encodeKeys({ publishedAt: "published_at", notBefore: "not_before", notAfter: "not_after" }))
export type AccessKey = typeof AccessKey.Type

/**
 * All secrets for tokens, as stored in the key file. Access keys are in the order in which they sign. The refresh key is not
 * published, so only this service can issue and verify refresh tokens. It is not rotated, because that would end every
 * session.
 */
export const KeySet = Schema.Struct({
  access: Schema.NonEmptyArray(AccessKey),
  refresh: Schema.Struct({
    kid: Base64Url32,
    jwk: PrivateJwk,
    /** 256 random bits from which the ids of refresh tokens are derived. */
    idSecret: Base64Url32
  }).pipe(Schema.encodeKeys({ idSecret: "id_secret" }))
})
export type KeySet = typeof KeySet.Type

type KeyPair = Pick<AccessKey, "kid" | "jwk">

const thumbprint = ({ crv, kty, x }: AccessKey["jwk"]): string =>
  hash("sha256", JSON.stringify({ crv, kty, x }), "base64url")

/** Generates a key. */
export const makeKeyPair = (): KeyPair => {
  const jwk = Schema.decodeUnknownSync(PrivateJwk)(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }))
  return { kid: thumbprint(jwk), jwk }
}

/** The first key set of an installation. Its key signs immediately, because no client has cached an older JWKS. */
export const generate = (now: number): KeySet => ({
  access: [{ ...makeKeyPair(), publishedAt: now, notBefore: now, notAfter: null }],
  refresh: { ...makeKeyPair(), idSecret: randomBytes(32).toString("base64url") }
})

/**
 * Adds `next`, which starts to sign after the max-age of the JWKS. Earlier keys sign until then, and stay published until their last
 * token has expired. Removes keys after their `notAfter`.
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

/** The access keys whose tokens are accepted at `now`. */
export const publishedKeys = <K extends Pick<AccessKey, "notAfter">>(
  keys: ReadonlyArray<K>,
  now: number
): ReadonlyArray<K> => keys.filter((key) => key.notAfter === null || key.notAfter > now)

/** The access key that signs at `now`: the newest one after its `notBefore`, or the first key if there is none. */
export const signingKey = <K extends Pick<AccessKey, "notBefore">>(keys: readonly [K, ...Array<K>], now: number): K =>
  keys.findLast((key) => key.notBefore <= now) ?? keys[0]

/** Parses the text of a key file. A failure describes the mistake and contains no key. */
export const parse = (text: string): Result.Result<KeySet, string> => {
  const decoded = Schema.decodeUnknownResult(Schema.fromJsonString(KeySet))(text)
  // The schema issue is dropped, because it quotes key material.
  if (Result.isFailure(decoded)) return Result.fail("is not a key set")
  const keys = decoded.success
  const inconsistent = [...keys.access, keys.refresh].find((key) => thumbprint(key.jwk) !== key.kid || !isPair(key.jwk))
  return inconsistent === undefined
    ? Result.succeed(keys)
    : Result.fail(`has a key ${inconsistent.kid} that does not fit together`)
}

/** Encodes the key set as the text of a key file. */
export const format = (keys: KeySet): string => `${JSON.stringify(Schema.encodeSync(KeySet)(keys), undefined, 2)}\n`

const isPair = (jwk: AccessKey["jwk"]): boolean =>
  createPublicKey(createPrivateKey({ key: jwk, format: "jwk" })).export({ format: "jwk" }).x === jwk.x
