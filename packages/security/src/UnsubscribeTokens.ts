// The tokens of unsubscribe links (decision 0030).
import { Category, Channel } from "@user-service/domain/Delivery"
import { canonicalEmail } from "@user-service/domain/Email"
import { UserId } from "@user-service/domain/User"
import { Context, DateTime, Effect, Layer, Option } from "effect"
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from "node:crypto"
import { type KeyRing, Keys, type ReadyLinkKey } from "./Keys.ts"
import * as KeySet from "./KeySet.ts"

/** The categories that a link can switch off. Nobody may silence security notifications without a session. */
export type UnsubscribeCategory = Exclude<Category, "security">

/** The link that switches one category of a channel off. It does not expire. */
export interface UnsubscribeLink {
  readonly kind: "unsubscribe"
  readonly userId: UserId
  readonly channel: Channel
  readonly category: UnsubscribeCategory
}

/** The link to all preferences of a user, for the owner of an address. */
export interface ManageLink {
  readonly kind: "manage"
  readonly userId: UserId
  readonly expiresAt: DateTime.Utc
  /** Whether the link was made for this address, in any spelling. */
  readonly isFor: (email: string) => boolean
}

/** Makes tokens with the key of one point in time. The functions are synchronous, because a call makes thousands of tokens. */
export interface UnsubscribeTokenSigner {
  readonly unsubscribe: (link: Pick<UnsubscribeLink, "userId" | "channel" | "category">) => string
  readonly manage: (link: Pick<ManageLink, "userId" | "expiresAt"> & { readonly email: string }) => string
}

/**
 * Makes and verifies the tokens in unsubscribe links. A token is base64url text of 50 or 66 characters and consists of the key id, the
 * data, and an HMAC-SHA-256 of both, cut to 128 bits. The user's id is encrypted, and an address is a keyed hash.
 */
export class UnsubscribeTokens extends Context.Service<
  UnsubscribeTokens,
  {
    /** The signer with the key that signs at `now`. */
    readonly signer: (now: DateTime.Utc) => UnsubscribeTokenSigner
    /** None for a forged, cut or otherwise changed token. The caller checks the expiry. */
    readonly verify: (token: string) => Option.Option<UnsubscribeLink | ManageLink>
  }
>()("@user-service/security/UnsubscribeTokens") {
  static readonly layer: Layer.Layer<UnsubscribeTokens, never, Keys> = Layer.effect(
    UnsubscribeTokens,
    Effect.map(Keys, ({ current }) => ({
      signer: (now) => makeSigner(KeySet.signingKey(current().links, Math.floor(now.epochMilliseconds / 1000))),
      verify: (token) => verify(current(), token)
    }))
  )
}

// The layout of a token: key id, kind, encrypted user id; in links to all preferences also expiry and address; then the MAC.
const kindAt = 4
const userAt = 5
const expiryAt = 21
const addressAt = 25
const macLength = 16
const unsubscribeLength = 21
const manageLength = 33

const manageKind = 0

// The numbers must not change: old links depend on them. 3 and 7, of security, are not in use.
const kinds: Readonly<Record<Channel, Readonly<Record<UnsubscribeCategory, number>>>> = {
  email: { marketing: 1, transactional: 2, system: 4 },
  push: { marketing: 5, transactional: 6, system: 8 }
}
const targets = new Map(
  Channel.literals.flatMap((channel) =>
    Category.literals
      .filter((category) => category !== "security")
      .map((category) => [kinds[channel][category], { channel, category }] as const)
  )
)

const macOf = (key: ReadyLinkKey, data: Uint8Array): Buffer =>
  createHmac("sha256", key.signing).update(data).digest().subarray(0, macLength)

const addressHash = (key: ReadyLinkKey, email: string): Buffer =>
  createHmac("sha256", key.addresses).update(canonicalEmail(email)).digest().subarray(0, 8)

// A user id is exactly one block, so encrypting the block is a permutation of ids, and no mode is needed.
const cipherName = "aes-256-ecb"

const makeSigner = (key: ReadyLinkKey): UnsubscribeTokenSigner => {
  const cipher = createCipheriv(cipherName, key.ids, null).setAutoPadding(false)

  const begin = (length: number, kind: number, userId: UserId): Buffer => {
    const data = Buffer.alloc(length)
    data.writeUInt32BE(key.id, 0)
    data[kindAt] = kind
    cipher.update(Buffer.from(userId.replaceAll("-", ""), "hex")).copy(data, userAt)
    return data
  }

  const complete = (data: Buffer): string => Buffer.concat([data, macOf(key, data)]).toString("base64url")

  return {
    unsubscribe: ({ category, channel, userId }) =>
      complete(begin(unsubscribeLength, kinds[channel][category], userId)),
    manage: ({ email, expiresAt, userId }) => {
      const data = begin(manageLength, manageKind, userId)
      data.writeUInt32BE(Math.floor(expiresAt.epochMilliseconds / 1000), expiryAt)
      addressHash(key, email).copy(data, addressAt)
      return complete(data)
    }
  }
}

const userIdIn = (key: ReadyLinkKey, data: Buffer): UserId => {
  const decipher = createDecipheriv(cipherName, key.ids, null).setAutoPadding(false)
  const hex = decipher.update(data.subarray(userAt, expiryAt)).toString("hex")
  return UserId.make(hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"))
}

const verify = (ring: KeyRing, token: string): Option.Option<UnsubscribeLink | ManageLink> => {
  const bytes = Buffer.from(token, "base64url")
  const isManage = bytes.length === manageLength + macLength
  if (!isManage && bytes.length !== unsubscribeLength + macLength) return Option.none()
  // Decoders ignore unused bits and invalid characters. Only the canonical text is accepted, so that a token has a single one.
  if (bytes.toString("base64url") !== token) return Option.none()
  const keyId = bytes.readUInt32BE(0)
  const key = ring.links.find(({ id }) => id === keyId)
  const data = bytes.subarray(0, -macLength)
  if (key === undefined || !timingSafeEqual(macOf(key, data), bytes.subarray(-macLength))) return Option.none()
  const kind = bytes.readUInt8(kindAt)
  if (isManage) return kind === manageKind ? Option.some(manageLink(key, data)) : Option.none()
  return Option.map(Option.fromNullishOr(targets.get(kind)), (target) => ({
    kind: "unsubscribe",
    userId: userIdIn(key, data),
    ...target
  }))
}

const manageLink = (key: ReadyLinkKey, data: Buffer): ManageLink => ({
  kind: "manage",
  userId: userIdIn(key, data),
  expiresAt: DateTime.makeUnsafe(data.readUInt32BE(expiryAt) * 1000),
  isFor: (email) => timingSafeEqual(addressHash(key, email), data.subarray(addressAt))
})
