import { assert, describe, it } from "@effect/vitest"
import { SessionActivity } from "@user-service/core/sessions/SessionActivity"
import type { SessionId } from "@user-service/domain/Session"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { TestClock } from "effect/testing"
import { layer, register } from "../TestCore.ts"

const seen = Effect.fnUntraced(function* (id: SessionId) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`select last_seen_at as at from sessions where id = ${id}`
  return row?.["at"]
})

/** Uses the session and lets enough time pass for that to be written. */
const use = Effect.fnUntraced(function* (id: SessionId) {
  yield* TestClock.adjust("61 seconds")
  yield* (yield* SessionActivity).note(id)
  yield* TestClock.adjust("5 seconds")
})

describe("SessionActivity", () => {
  it.layer(layer())((it) => {
    it.effect("continues after an unexpected failure of a batch", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { sessionId } = yield* register
        const before = yield* seen(sessionId)
        yield* sql`alter table sessions rename column last_seen_at to elsewhere`
        yield* use(sessionId)
        // Stands behind the failed statement in the queue for the connection.
        yield* sql`alter table sessions rename column elsewhere to last_seen_at`
        assert.deepStrictEqual(yield* seen(sessionId), before)
        yield* use(sessionId)
        yield* TestClock.withLive(waitUntil(Effect.map(seen(sessionId), (at) => String(at) !== String(before))))
      })
    )
  })
})
