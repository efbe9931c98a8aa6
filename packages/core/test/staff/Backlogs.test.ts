import { assert, describe, it } from "@effect/vitest"
import { Backlogs } from "@user-service/core/staff/Backlogs"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

const database = Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPgLite))

describe("the backlogs", () => {
  it.layer(Backlogs.layer.pipe(Layer.provideMerge(database)))((it) => {
    it.effect("count waiting and set-aside events up to ten thousand", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { find } = yield* Backlogs
        yield* sql`
          insert into outbox (id, user_id, user_version, event_type, payload, created_at, set_aside_at)
          select gen_random_uuid(), gen_random_uuid(), 1, 'Some', '{}', now(), case when n <= 10001 then now() end
          from generate_series(1, 20002) n`
        const { events } = yield* find
        assert.deepInclude(events, { waiting: 10_000, setAside: 10_000 })
      })
    )
  })
})
