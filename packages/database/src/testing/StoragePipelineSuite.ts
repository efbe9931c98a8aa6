import { assert, type Vitest } from "@effect/vitest"
import { Cause, Effect, Exit, Result } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { Storage } from "../Storage.ts"
import { rollbackStates, insert, exists, failingFirst } from "./Names.ts"

/** The contract of `Storage.pipeline`. */
export const suite = (it: Vitest.MethodsNonLive<SqlClient.SqlClient | Storage>) => {
  it.effect("a pipelined statement runs before the next one and returns its answer", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const storage = yield* Storage
      const [first, last] = [randomUUID(), randomUUID()]
      const [seen, answer] = yield* storage.transaction(
        Effect.gen(function* () {
          const answer = yield* storage.pipeline(sql`insert into names values (${first}) returning name`)
          const seen = yield* exists(first)
          yield* Effect.asVoid(storage.pipeline(insert(last)))
          return [seen, yield* answer]
        })
      )
      assert.isTrue(seen)
      assert.deepStrictEqual(answer, [{ name: first }])
      assert.isTrue(yield* exists(last))
    })
  )

  it.effect("a failed pipelined statement fails the transaction, whether first or last", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const taken = randomUUID()
      yield* insert(taken)
      for (const before of [true, false]) {
        const name = randomUUID()
        const ahead = Effect.asVoid(storage.pipeline(insert(taken)))
        const exit = yield* Effect.exit(
          storage.transaction(before ? Effect.andThen(ahead, insert(name)) : Effect.andThen(insert(name), ahead))
        )
        assert(Exit.isFailure(exit))
        const defect = Result.getOrUndefined(Cause.findDefect(exit.cause))
        assert(SqlError.isSqlError(defect))
        assert.strictEqual(defect.reason._tag, "UniqueViolation")
        assert.isFalse(yield* exists(name))
      }
    })
  )

  it.effect("a failed pipelined statement does not hide another failure of the transaction", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const taken = randomUUID()
      yield* insert(taken)
      const ahead = Effect.ignore(storage.pipeline(insert(taken)))
      assert.strictEqual(yield* Effect.flip(storage.transaction(Effect.andThen(ahead, Effect.fail("no")))), "no")
    })
  )

  it.effect("a write conflict of a pipelined statement retries the transaction", () =>
    Effect.gen(function* () {
      const storage = yield* Storage
      const name = randomUUID()
      const { effect, runs } = yield* failingFirst(rollbackStates)
      yield* storage.transaction(Effect.andThen(insert(name), Effect.asVoid(storage.pipeline(effect))))
      assert.strictEqual(yield* runs, rollbackStates.length + 1)
      assert.isTrue(yield* exists(name))
    })
  )
}
