import { assert, describe, it } from "@effect/vitest"
import { Changes } from "@user-service/core/changes/Changes"
import { Preferences } from "@user-service/core/preferences/Preferences"
import { UserId, UserNotFound } from "@user-service/domain/User"
import { Effect, References, Tracer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { layer, register } from "../TestCore.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const client = Tracer.externalSpan({ traceId, spanId: "b7ad6b7169203331", sampled: true })

/** What the outbox says the last event of a change came from. */
const changedUnder = (traced: boolean) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const { userId } = yield* register
    yield* (yield* Preferences)
      .update(userId, { frequencyLimit: 7 }, "any")
      .pipe(Effect.withParentSpan(client), Effect.provideService(References.TracerEnabled, traced))
    const [event] = yield* sql`select traceparent from outbox where user_id = ${userId} order by position desc limit 1`
    return event?.["traceparent"]
  })

describe("Changes", () => {
  it.layer(layer())((it) => {
    it.effect("an event carries on the trace of its change, from the span that there is outside of this process", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* changedUnder(false), `00-${traceId}-b7ad6b7169203331-01`)
        const own = String(yield* changedUnder(true))
        assert.match(own, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
        assert.notInclude(own, "b7ad6b7169203331")
      })
    )

    it.effect("of a user who does not exist nothing is made, whatever the change came to", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const changes = yield* Changes
        const { userId } = yield* register
        const nobody = UserId.make("01890a5d-ac96-774b-bcce-b302099a8057")
        const rename = sql`update users set username = ${randomUUID()} where id = ${userId}`
        for (const end of [Effect.succeed({ result: "done", events: [], audit: [] }), Effect.fail("no")]) {
          const error = yield* Effect.flip(changes.change([nobody], () => Effect.andThen(rename, end)))
          assert.instanceOf(error, UserNotFound)
        }
        const [user] = yield* sql`select username from users where id = ${userId}`
        assert.notMatch(String(user?.["username"]), /^[0-9a-f-]{36}$/)
      })
    )
  })
})
