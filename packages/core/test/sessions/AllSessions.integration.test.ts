import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { PushTokens } from "@user-service/core/push-tokens/PushTokens"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { SilencedPushTokens } from "@user-service/core/sessions/SilencedPushTokens"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { DeviceToken } from "@user-service/domain/PushToken"
import { SessionId } from "@user-service/domain/Session"
import { UserId } from "@user-service/domain/User"
import { Effect, Fiber, Layer, Result } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import * as TestSettings from "../TestSettings.ts"

const databaseUrl = inject("databaseUrl")

const overPostgres = Layer.mergeAll(AllSessions.layer, PushTokens.layer, SilencedPushTokens.layer).pipe(
  Layer.provideMerge([
    Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPostgres(databaseUrl))),
    Cache.layerMemory,
    Digest.layerWebCrypto,
    SecureRandom.layerWebCrypto
  ]),
  Layer.provideMerge(TestSettings.layer())
)

/** Users with a session each. */
const owners = Effect.fnUntraced(function* (count: number) {
  const sql = yield* SqlClient.SqlClient
  const made = Array.from({ length: count }, () => ({
    userId: UserId.make(randomUUID()),
    sessionId: SessionId.make(randomUUID())
  }))
  const ids = made.map(({ userId }) => userId)
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    select id, id || '@example.com', id::text, '', now(), now() from unnest(${ids}::uuid[]) as owner (id)`
  yield* sql`
    insert into sessions (id, user_id, refresh_token_hash, created_at, refreshed_at, last_seen_at, expires_at)
    select id, user_id, sha256(''), now(), now(), now(), now() + interval '1 day'
    from unnest(${made.map(({ sessionId }) => sessionId)}::uuid[], ${ids}::uuid[]) as owner (id, user_id)`
  return made
})

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  it.layer(overPostgres, { excludeTestServices: true })((it) => {
    it.effect(
      "the end of all sessions leaves no active push token with an ended session, also with registrations",
      () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const { register } = yield* PushTokens
          const { end } = yield* AllSessions
          const { deactivate } = yield* SilencedPushTokens
          for (let round = 0; round < 5; round++) {
            const registrations = (yield* owners(10)).flatMap((owner) =>
              // Those of one user meet: the first takes a single statement, and the others the transaction.
              Array.from({ length: 4 }, () =>
                register(owner, { token: DeviceToken.make(randomUUID()), platform: "android" })
              )
            )
            const registering = yield* Effect.forkChild(
              Effect.forEach(registrations, Effect.result, { concurrency: "unbounded" })
            )
            yield* Effect.repeat(
              sql`select 1 from push_tokens p join sessions s on s.id = p.session_id
            where s.cutoff >= (select not_before from session_cutoff)`,
              { until: (found) => found.length > 0 }
            )
            yield* end
            const outcomes = yield* Fiber.join(registering)
            const refused = outcomes.filter(Result.isFailure).map(({ failure }) => failure._tag)
            assert.isTrue(refused.every((tag) => tag === "TokenInvalid"))
            assert.isTrue(refused.length < outcomes.length)
            // The job waits for registrations in progress, of which there is none.
            yield* sql`
            update session_cutoff set not_before = not_before - interval '10 seconds',
              silencing_since = silencing_since - interval '10 seconds'`
            while ((yield* deactivate(7)) === 7);
            const left = yield* sql`
            select 1 from push_tokens p join sessions s on s.id = p.session_id, session_cutoff c
            where p.is_active and s.cutoff < c.not_before`
            assert.deepStrictEqual(left, [])
            assert.deepStrictEqual(yield* sql`select silencing_since as since from session_cutoff`, [{ since: null }])
          }
        })
    )
  })
})
