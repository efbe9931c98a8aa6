import { assert, describe, it } from "@effect/vitest"
import { AuditExports, batchSize } from "@user-service/core/audit/AuditExports"
import { RoleTooLow } from "@user-service/domain/Role"
import { Effect, Layer, Stream } from "effect"
import { SqlClient } from "effect/sql"
import { layer, register } from "../TestCore.ts"

describe("an export of the audit log", () => {
  it.layer(Layer.provideMerge(AuditExports.layer, layer()))((it) => {
    it.effect(
      "reads the next batch only when it is consumed, and fails there once its reader has lost the right to it",
      () =>
        Effect.gen(function* () {
          const { open } = yield* AuditExports
          const sql = yield* SqlClient.SqlClient
          const { userId } = yield* register
          yield* sql`
          insert into audit_log (user_id, actor_id, action, created_at)
          select ${userId}::uuid, ${userId}::uuid, 'test', now() - n * interval '1 second'
          from generate_series(1, ${3 * batchSize}::int) n`
          let batches = 0
          const authorise = Effect.suspend(() =>
            batches++ < 2 ? Effect.void : Effect.fail(new RoleTooLow({ required: "admin" }))
          )
          const entries = yield* open(userId, { userId, action: "test" }, authorise)
          assert.strictEqual(batches, 0)
          assert.lengthOf(yield* Stream.runCollect(Stream.take(entries, batchSize)), batchSize)
          assert.strictEqual(batches, 1)
          batches = 0
          let count = 0
          const error = yield* Effect.flip(Stream.runForEach(entries, () => Effect.sync(() => count++)))
          assert.strictEqual(error._tag, "RoleTooLow")
          assert.strictEqual(count, 2 * batchSize)
        })
    )
  })
})
