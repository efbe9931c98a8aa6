import { Result, Schema } from "effect"
import { createPrivateKey, createPublicKey, generateKeyPairSync, hash, hkdfSync, randomBytes } from "node:crypto"

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

/** A key for the links in mails. */
export const LinkKey = Schema.Struct({
  /** The first four bytes of the SHA-256 of the secret. */
  kid: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{6}$/)),
  /** 256 bits, from which the keys for signatures and encryption are derived. */
  secret: Base64Url32,
  /** When the key starts to sign. The next key replaces it. */
  notBefore: EpochSeconds
}).pipe(Schema.encodeKeys({ notBefore: "not_before" }))
export type LinkKey = typeof LinkKey.Type

const keys = {
  access: Schema.NonEmptyArray(AccessKey),
  refresh: Schema.Struct({
    kid: Base64Url32,
    jwk: PrivateJwk,
    /** 256 random bits from which the ids of refresh tokens are derived. */
    idSecret: Base64Url32
  }).pipe(Schema.encodeKeys({ idSecret: "id_secret" }))
}

/**
 * All secrets for tokens, as stored in the key file. Access and link keys are in the order in which they sign. The refresh key is
 * not published, so only this service can issue and verify refresh tokens. It is not rotated, because that would end every
 * session. Link keys are never removed, because the links in old mails must work.
 */
export const KeySet = Schema.Struct({ ...keys, links: Schema.NonEmptyArray(LinkKey) })
export type KeySet = typeof KeySet.Type

// Files that were written before there were link keys have none.
const KeySetFile = Schema.Struct({ ...keys, links: Schema.optionalKey(Schema.NonEmptyArray(LinkKey)) })

type KeyPair = Pick<AccessKey, "kid" | "jwk">

const thumbprint = ({ crv, kty, x }: AccessKey["jwk"]): string =>
  hash("sha256", JSON.stringify({ crv, kty, x }), "base64url")

/** Generates a key. */
export const makeKeyPair = (): KeyPair => {
  const jwk = Schema.decodeUnknownSync(PrivateJwk)(generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }))
  return { kid: thumbprint(jwk), jwk }
}

const makeLinkKey = (secret: string, notBefore: number): LinkKey => ({ kid: linkKid(secret), secret, notBefore })

const linkKid = (secret: string): string =>
  hash("sha256", Buffer.from(secret, "base64url"), "buffer").subarray(0, 4).toString("base64url")

const randomSecret = (): string => randomBytes(32).toString("base64url")

// The link key of a file that has none: the same in every process, and kept by the next rotation.
const derivedLinkKey = ({ idSecret }: KeySet["refresh"]): LinkKey => {
  const secret = hkdfSync("sha256", Buffer.from(idSecret, "base64url"), "", "user-service link key", 32)
  return makeLinkKey(Buffer.from(secret).toString("base64url"), 0)
}

/** The first key set of an installation. Its key signs immediately, because no client has cached an older JWKS. */
export const generate = (now: number): KeySet => ({
  access: [{ ...makeKeyPair(), publishedAt: now, notBefore: now, notAfter: null }],
  refresh: { ...makeKeyPair(), idSecret: randomSecret() },
  links: [makeLinkKey(randomSecret(), now)]
})

/**
 * Adds `next`, which starts to sign after the max-age of the JWKS. Earlier keys sign until then, and stay published until their last
 * token has expired. Removes keys after their `notAfter`. Also adds a new link key, which starts to sign at the same time.
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
  return {
    ...keys,
    access: first === undefined ? [successor] : [first, ...rest, successor],
    links: [...keys.links, makeLinkKey(randomSecret(), notBefore)]
  }
}

/** The access keys whose tokens are accepted at `now`. */
export const publishedKeys = <K extends Pick<AccessKey, "notAfter">>(
  keys: ReadonlyArray<K>,
  now: number
): ReadonlyArray<K> => keys.filter((key) => key.notAfter === null || key.notAfter > now)

/** The key that signs at `now`: the newest one after its `notBefore`, or the first key if there is none. */
export const signingKey = <K extends Pick<AccessKey, "notBefore">>(keys: readonly [K, ...Array<K>], now: number): K =>
  keys.findLast((key) => key.notBefore <= now) ?? keys[0]

/** Parses the text of a key file. A failure describes the mistake and contains no key. */
export const parse = (text: string): Result.Result<KeySet, string> => {
  const decoded = Schema.decodeUnknownResult(Schema.fromJsonString(KeySetFile))(text)
  // The schema issue is dropped, because it quotes key material.
  if (Result.isFailure(decoded)) return Result.fail("is not a key set")
  const { access, links = [derivedLinkKey(decoded.success.refresh)], refresh } = decoded.success
  const inconsistent =
    [...access, refresh].find((key) => thumbprint(key.jwk) !== key.kid || !isPair(key.jwk)) ??
    links.find((key) => linkKid(key.secret) !== key.kid)
  return inconsistent === undefined
    ? Result.succeed({ access, refresh, links })
    : Result.fail(`has a key ${inconsistent.kid} that does not fit together`)
}

/** Encodes the key set as the text of a key file. */
export const format = (keys: KeySet): string => `${JSON.stringify(Schema.encodeSync(KeySet)(keys), undefined, 2)}\n`

const isPair = (jwk: AccessKey["jwk"]): boolean =>
  createPublicKey(createPrivateKey({ key: jwk, format: "jwk" })).export({ format: "jwk" }).x === jwk.x
