import { oneTimeTokenLifetime } from "@user-service/domain/OneTimeToken"
import { Context, DateTime, Effect, Layer, Redacted } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import * as Base64Url from "effect/encoding/Base64Url"

/** A new one-time token: its text for the mail, and what is stored of it. */
export interface NewOneTimeToken {
  readonly token: Redacted.Redacted<string>
  /** The SHA-256 of the text. A slow hash is not needed, because nobody can guess 32 random bytes. */
  readonly tokenHash: Uint8Array
  readonly createdAt: DateTime.Utc
  readonly expiresAt: DateTime.Utc
}

const tokenBytes = 32
const encoder = new TextEncoder()

/** Generates one-time tokens and hashes presented ones. `OneTimeTokensRepo` stores them. */
export class OneTimeTokens extends Context.Service<
  OneTimeTokens,
  {
    /** 32 random bytes, for an hour from now. */
    readonly generate: Effect.Effect<NewOneTimeToken>
    /** The hash under which a presented token would be stored. */
    readonly hash: (token: Redacted.Redacted<string>) => Effect.Effect<Uint8Array>
  }
>()("@user-service/core/one-time-tokens/OneTimeTokens") {
  static readonly layer = Layer.effect(
    OneTimeTokens,
    Effect.gen(function* () {
      const digest = yield* Digest.Digest
      const random = yield* SecureRandom.SecureRandom

      const hash = (token: Redacted.Redacted<string>) =>
        digest.digest(Digest.sha256, encoder.encode(Redacted.value(token)))

      const generate = Effect.gen(function* () {
        const token = Redacted.make(Base64Url.encode(yield* random.randomBytes(tokenBytes)), {
          label: "one-time token"
        })
        const createdAt = yield* DateTime.now
        const expiresAt = DateTime.addDuration(createdAt, oneTimeTokenLifetime)
        return { token, tokenHash: yield* hash(token), createdAt, expiresAt }
      })

      return { generate, hash }
    })
  )
}
