import { assert, describe, it } from "@effect/vitest"
import { OneTimeTokens } from "@user-service/core/one-time-tokens/OneTimeTokens"
import { OneTimeTokensRepo, type PresentedToken } from "@user-service/core/one-time-tokens/OneTimeTokensRepo"
import type { OneTimeTokenPurpose } from "@user-service/domain/OneTimeToken"
import type { UserId } from "@user-service/domain/User"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { layer, register } from "../TestCore.ts"

/** Whether the token is consumed. */
const isConsumed = (userId: UserId, presented: PresentedToken) =>
  OneTimeTokensRepo.use((repo) => Effect.map(repo.consume(userId, presented), Option.isSome))

/** Stores a token for a password reset, as it is presented later. */
const issue = Effect.fnUntraced(function* (userId: UserId) {
  const { token: _, ...stored } = yield* OneTimeTokens.use(({ generate }) => generate)
  yield* OneTimeTokensRepo.use((repo) => repo.insertPasswordReset({ userId, ...stored }))
  const presentedFor = (purpose: OneTimeTokenPurpose): PresentedToken => ({
    purpose,
    tokenHash: stored.tokenHash,
    now: stored.createdAt
  })
  return { expiresAt: stored.expiresAt, presentedFor, presented: presentedFor("password_reset") }
})

// A confirmation finds the token first and consumes it under the lock of the user, when all of this may have changed.
describe("consuming a one-time token", () => {
  it.layer(Layer.mergeAll(OneTimeTokens.layer, OneTimeTokensRepo.layer).pipe(Layer.provideMerge(layer())))((it) => {
    it.effect("succeeds once", () =>
      Effect.gen(function* () {
        const { userId } = yield* register
        const { presented } = yield* issue(userId)
        assert.isTrue(yield* isConsumed(userId, presented))
        assert.isFalse(yield* isConsumed(userId, presented))
      })
    )

    it.effect("fails for a token that a newer one replaced, and leaves the newer one", () =>
      Effect.gen(function* () {
        const { userId } = yield* register
        const older = yield* issue(userId)
        const newer = yield* issue(userId)
        assert.isFalse(yield* isConsumed(userId, older.presented))
        assert.isTrue(yield* isConsumed(userId, newer.presented))
      })
    )

    it.effect("fails for another purpose or user, after the hour, for another address and for a disabled account", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        const { userId: other } = yield* register
        const { expiresAt, presented, presentedFor } = yield* issue(userId)
        assert.isFalse(yield* isConsumed(userId, presentedFor("email_verification")))
        assert.isFalse(yield* isConsumed(other, presented))
        assert.isFalse(yield* isConsumed(userId, { ...presented, now: expiresAt }))
        yield* sql`update users set email = ${`x${email}`} where id = ${userId}`
        assert.isFalse(yield* isConsumed(userId, presented))
        yield* sql`update users set email = ${email}, is_active = false where id = ${userId}`
        assert.isFalse(yield* isConsumed(userId, presented))
        yield* sql`update users set is_active = true where id = ${userId}`
        assert.isTrue(yield* isConsumed(userId, presented))
      })
    )
  })
})
