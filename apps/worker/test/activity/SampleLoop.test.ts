import { assert, describe, it } from "@effect/vitest"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as SampleLoop from "@user-service/worker/activity/SampleLoop"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { waitUntil } from "../TestWork.ts"

const engines = Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPgLite))

const samples = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`select measure, value::int from activity_minutes order by minute, measure limit 4`
)

describe("a worker", () => {
  it.layer(engines, { excludeTestServices: true })((it) => {
    it.effect("records the backlogs as soon as it runs", () =>
      Effect.gen(function* () {
        yield* Layer.build(Layer.fresh(SampleLoop.layer))
        yield* waitUntil(Effect.map(samples, (found) => found.length === 4))
        assert.deepStrictEqual(yield* samples, [
          { measure: "dead_letters_waiting", value: 0 },
          { measure: "events_waiting", value: 0 },
          { measure: "mails_waiting", value: 0 },
          { measure: "outbox_lag_seconds", value: 0 }
        ])
      })
    )
  })
})
