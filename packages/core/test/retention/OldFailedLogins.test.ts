import { assert, describe, it } from "@effect/vitest"
import { OldFailedLogins } from "@user-service/core/retention/OldFailedLogins"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

const services = OldFailedLogins.layer.pipe(Layer.provide(Storage.layer), Layer.provideMerge(TestDatabase.layerPgLite))

describe("counts of failed logins beyond the number that is kept", () => {
  it.layer(services)((it) => {
    it.effect("are deleted from the oldest on, in batches, and never those of attacked accounts", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { removeBeyond } = yield* OldFailedLogins
        // 20 counts of a flood, the newest first, and older ones of ten and a hundred failures.
        yield* sql`
          insert into failed_logins (email_hash, failures, last_failed_at)
          select sha256(n::text::bytea), case n when 21 then 10 when 22 then 100 else 1 end, now() - make_interval(mins => n)
          from generate_series(1, 22) n`
        assert.strictEqual(yield* removeBeyond(20, 100), 0)
        assert.strictEqual(yield* removeBeyond(5, 10), 10)
        assert.strictEqual(yield* removeBeyond(5, 10), 5)
        assert.strictEqual(yield* removeBeyond(5, 10), 0)
        const kept = yield* sql`
          select round(extract(epoch from now() - last_failed_at) / 60)::int as minutes from failed_logins order by 1`
        assert.deepStrictEqual(
          kept.map(({ minutes }) => minutes),
          [1, 2, 3, 4, 5, 21, 22]
        )
      })
    )
  })
})
