import { assert, describe, it } from "@effect/vitest"
import { eventJson } from "@user-service/core/changes/EventJson"
import { SessionRevoked } from "@user-service/domain/DomainEvent"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { layer } from "../TestCore.ts"

const sessionId = "01890a5d-ac96-774b-bcce-b302099a8058"

describe("eventJson", () => {
  it.layer(layer())((it) => {
    it.effect("is the event with its tag, and has a value for each field", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const [userId, reason] = [sql.literal("'it''s'"), sql.literal("n::text")]
        // @ts-expect-error `reason` is missing.
        eventJson(sql, SessionRevoked, { userId, sessionId: sql`${sessionId}::uuid` })
        const event = eventJson(sql, SessionRevoked, { userId, sessionId: sql`${sessionId}::uuid`, reason })
        assert.deepStrictEqual(yield* sql`select ${event} as event from generate_series(1, 1) n`, [
          { event: { _tag: "SessionRevoked", userId: "it's", sessionId, reason: "1" } }
        ])
      })
    )
  })
})
