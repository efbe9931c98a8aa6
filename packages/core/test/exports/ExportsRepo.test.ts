import { assert, describe, it } from "@effect/vitest"
import { ExportsRepo, type PageCursor, pageSize } from "@user-service/core/exports/ExportsRepo"
import { Logins } from "@user-service/core/accounts/Logins"
import { AllSessions } from "@user-service/core/sessions/AllSessions"
import { Sessions } from "@user-service/core/sessions/Sessions"
import type { UserId } from "@user-service/domain/User"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { layer, password, register } from "../TestCore.ts"

/** Replaces the deliveries of the user by some with errors of these lengths, the newest first. */
const deliver = Effect.fnUntraced(function* (userId: UserId, errorLengths: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`delete from deliveries where user_id = ${userId}`
  yield* sql`
    insert into deliveries (id, notification_id, place, user_id, status, error, created_at, updated_at)
    select gen_random_uuid(), ${userId} || '-' || n, 0, ${userId}::uuid, 'failed', repeat('x', length),
      now() - n * interval '1 second', now()
    from unnest(${errorLengths}::integer[]) with ordinality as errors (length, n)`
})

/** The number of deliveries of each page. */
const pagesOf = Effect.fnUntraced(function* (userId: UserId) {
  const repo = yield* ExportsRepo
  const ids = new Set<string>()
  const counts: Array<number> = []
  let after: PageCursor | undefined
  do {
    const { items, next } = yield* repo.deliveries(userId, after)
    for (const { id } of items) ids.add(id)
    counts.push(items.length)
    after = Option.getOrUndefined(next)
  } while (after !== undefined)
  assert.strictEqual(
    ids.size,
    counts.reduce((sum, count) => sum + count, 0)
  )
  return counts
})

describe("the sessions of an export", () => {
  it.layer(Layer.provideMerge(ExportsRepo.layer, layer()))((it) => {
    it.effect("have the end that they had with all others, unless they had ended or expired before", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { email, userId } = yield* register
        const login = Logins.use((logins) => logins.login({ email, password, deviceName: "" }))
        yield* login
        yield* Sessions.use(({ logoutAll }) => logoutAll(userId))
        yield* login
        yield* sql`update sessions set expires_at = created_at where user_id = ${userId} and revoked_at is null`
        yield* TestClock.adjust("1 minute")
        yield* login
        const notBefore = yield* AllSessions.use(({ end }) => end)
        yield* TestClock.adjust("1 minute")
        yield* login
        const { items } = yield* ExportsRepo.use((repo) => repo.sessions(userId))
        assert.deepStrictEqual(
          items.map(({ revokedReason }) => revokedReason),
          [null, "admin", ...items.slice(2).map(({ revokedReason }) => revokedReason)]
        )
        assert.sameMembers(
          items.slice(2).map(({ revokedReason }) => revokedReason),
          [null, "logout_all", "logout_all"]
        )
        const [, ended] = items
        assert.deepStrictEqual(ended?.revokedAt, notBefore)
      })
    )
  })
})

describe("a page of an export", () => {
  it.layer(Layer.provideMerge(ExportsRepo.layer, layer()))((it) => {
    it.effect("has so many rows, or so many bytes of text, and at least one row", () =>
      Effect.gen(function* () {
        const { userId } = yield* register
        const pages = (errorLengths: ReadonlyArray<number>) =>
          Effect.andThen(deliver(userId, errorLengths), pagesOf(userId))
        const short = (count: number) => Array.from({ length: count }, () => 10)
        assert.deepStrictEqual(yield* pages([]), [0])
        assert.deepStrictEqual(yield* pages(short(3)), [3])
        assert.deepStrictEqual(yield* pages(short(pageSize)), [pageSize, 0])
        assert.deepStrictEqual(yield* pages(short(pageSize + 1)), [pageSize, 1])
        const long = 600_000
        assert.deepStrictEqual(yield* pages([10, long, long, 10, long, 10]), [3, 3])
        assert.deepStrictEqual(yield* pages([2_000_000, 2_000_000, 10]), [1, 1, 1])
      })
    )
  })
})
