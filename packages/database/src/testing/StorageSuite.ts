import { assert, describe, it } from "@effect/vitest"
import { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Ref, Result } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { onUniqueViolation, Storage } from "../Storage.ts"
import { rollbackStates, createTable, insert, exists, withRunCount, failingFirst } from "./Names.ts"
import { raise } from "./Raise.ts"
import { suite as pipeline } from "./StoragePipelineSuite.ts"

/** Transient failures: lost connection, timeouts, shutdown, start, out of resources, read-only. */
const passing = ["08006", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "53200", "25006"]
/** Permanent failures. */
const lasting = ["22P02", "23502", "23503", "23514", "23505", "25P02", "28000", "42501", "42601"]

const unavailable = Exit.fail(new ServiceUnavailable({ what: "database", retryAfterSeconds: 1 }))

/** The contract of `Storage`, on any engine. */
export const suite = <E>(name: string, layer: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    const provided = Layer.mergeAll(Storage.layer, createTable).pipe(Layer.provideMerge(layer))
    it.layer(provided, { excludeTestServices: true })((it) => {
      it.effect("results and failures other than SQL errors are returned unchanged", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const statement = <A, E, R>(effect: Effect.Effect<A, E, R>) => storage.lockingWrite(effect, () => Effect.void)
          for (const run of [storage.read, storage.write, statement, storage.transaction]) {
            assert.strictEqual(yield* run(Effect.succeed("done")), "done")
            const { effect, runs } = yield* withRunCount(Effect.fail("no"))
            assert.strictEqual(yield* Effect.flip(run(effect)), "no")
            assert.strictEqual(yield* runs, 1)
          }
        })
      )

      it.effect("a read with a transient failure is tried three times", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          for (const sqlState of [...passing, ...rollbackStates]) {
            const twice = yield* failingFirst([sqlState, sqlState])
            assert.strictEqual(yield* storage.read(twice.effect), "done", sqlState)
            assert.strictEqual(yield* twice.runs, 3, sqlState)
            const thrice = yield* failingFirst([sqlState, sqlState, sqlState])
            assert.deepStrictEqual(yield* Effect.exit(storage.read(thrice.effect)), unavailable, sqlState)
            assert.strictEqual(yield* thrice.runs, 3, sqlState)
          }
        })
      )

      it.effect("a write is never retried, because it may have been executed", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          for (const sqlState of [...passing, ...rollbackStates]) {
            const { effect, runs } = yield* failingFirst([sqlState])
            assert.deepStrictEqual(yield* Effect.exit(storage.write(effect)), unavailable, sqlState)
            assert.strictEqual(yield* runs, 1, sqlState)
          }
        })
      )

      it.effect("a locking write is retried after a write conflict and after no other failure", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          for (const sqlState of [...passing, ...rollbackStates]) {
            const { effect, runs } = yield* failingFirst([sqlState])
            const followed = yield* Ref.make<ReadonlyArray<string>>([])
            const follow = (answer: string) => Ref.update(followed, (before) => [...before, answer])
            const exit = yield* Effect.exit(storage.lockingWrite(effect, follow))
            const isAgain = rollbackStates.includes(sqlState)
            assert.deepStrictEqual(exit, isAgain ? Exit.succeed("done") : unavailable, sqlState)
            assert.strictEqual(yield* runs, isAgain ? 2 : 1, sqlState)
            assert.deepStrictEqual(yield* Ref.get(followed), isAgain ? ["done"] : [], sqlState)
          }
        })
      )

      it.effect("the follow-up of a locking write runs although the caller was interrupted", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const [begun, answered] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const followed = yield* Deferred.make<string>()
          const statement = Deferred.succeed(begun, undefined).pipe(
            Effect.andThen(Deferred.await(answered)),
            Effect.as("done")
          )
          const waiting = yield* Effect.forkChild(
            storage.lockingWrite(statement, (answer) => Deferred.succeed(followed, answer))
          )
          yield* Deferred.await(begun)
          const interruption = yield* Effect.forkChild(Fiber.interrupt(waiting), { startImmediately: true })
          const ended = yield* Effect.timeoutOption(Fiber.await(interruption), Duration.millis(100))
          assert.isTrue(Option.isNone(ended))
          yield* Deferred.succeed(answered, undefined)
          assert.strictEqual(yield* Deferred.await(followed), "done")
          yield* Fiber.join(interruption)
        })
      )

      it.effect("a transaction is retried after a write conflict, and only its last run counts", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const name = randomUUID()
          const attempt = yield* failingFirst([...rollbackStates, ...rollbackStates])
          const result = yield* storage.transaction(Effect.andThen(insert(name), attempt.effect))
          assert.strictEqual(result, "done")
          assert.strictEqual(yield* attempt.runs, 2 * rollbackStates.length + 1)
          assert.isTrue(yield* exists(name))
        })
      )

      it.effect("a transaction is not retried after other failures", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          for (const sqlState of passing) {
            const name = randomUUID()
            const { effect, runs } = yield* failingFirst([sqlState])
            const exit = yield* Effect.exit(storage.transaction(Effect.andThen(insert(name), effect)))
            assert.deepStrictEqual(exit, unavailable, sqlState)
            assert.strictEqual(yield* runs, 1, sqlState)
            assert.isFalse(yield* exists(name))
          }
        })
      )

      it.effect("a write on a read-only server fails with ServiceUnavailable", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const storage = yield* Storage
          const name = randomUUID()
          const onStandby = storage.transaction(Effect.andThen(sql`set transaction read only`, insert(name)))
          assert.deepStrictEqual(yield* Effect.exit(onStandby), unavailable)
        })
      )

      it.effect("a permanent failure is a defect without retries", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const statement = <A, E, R>(effect: Effect.Effect<A, E, R>) => storage.lockingWrite(effect, () => Effect.void)
          for (const sqlState of lasting) {
            for (const run of [storage.read, storage.write, statement, storage.transaction]) {
              const { effect, runs } = yield* failingFirst([sqlState])
              const exit = yield* Effect.exit(run(effect))
              assert(Exit.isFailure(exit))
              const defect = Result.getOrUndefined(Cause.findDefect(exit.cause))
              assert.isTrue(SqlError.isSqlError(defect), sqlState)
              assert.strictEqual(yield* runs, 1, sqlState)
            }
          }
        })
      )

      it.effect("onUniqueViolation maps the violation of its constraint and of no other", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const name = randomUUID()
          const taken = onUniqueViolation("names_name_key", () => "taken")
          yield* storage.write(taken(insert(name)))
          assert.strictEqual(yield* Effect.flip(storage.write(taken(insert(name)))), "taken")
          for (const other of [raise("23505", "another_key"), raise("23514", "names_name_key")]) {
            assert.isTrue(Exit.hasDies(yield* Effect.exit(storage.write(taken(other)))))
          }
          assert.strictEqual(yield* Effect.flip(taken(Effect.fail("no"))), "no")
        })
      )

      it.effect("a mapped violation rolls back its transaction", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const [name, other] = [randomUUID(), randomUUID()]
          yield* insert(name)
          const twice = Effect.andThen(insert(other), onUniqueViolation("names_name_key", () => "taken")(insert(name)))
          assert.strictEqual(yield* Effect.flip(storage.transaction(twice)), "taken")
          assert.isFalse(yield* exists(other))
        })
      )

      pipeline(it)

      it.effect("an interrupted transaction has rolled back when the interruption completes", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const storage = yield* Storage
          const name = randomUUID()
          const inserted = yield* Deferred.make<void>()
          const ended = yield* Deferred.make<void>()
          // Slows down the rollback, to detect an interruption that does not wait for it.
          const end = Effect.andThen(sql`select pg_sleep(0.1)`, Deferred.succeed(ended, undefined))
          const fiber = yield* insert(name).pipe(
            Effect.andThen(Deferred.succeed(inserted, undefined)),
            Effect.andThen(Effect.never),
            Effect.onInterrupt(() => end),
            storage.transaction,
            Effect.forkChild
          )
          yield* Deferred.await(inserted)
          yield* Fiber.interrupt(fiber)
          assert.isTrue(yield* Deferred.isDone(ended))
          assert.isFalse(yield* exists(name))
        })
      )

      it.effect("a ping returns the time that the server took", () =>
        Effect.gen(function* () {
          const storage = yield* Storage
          const elapsed = yield* storage.ping
          assert.isTrue(Duration.isGreaterThan(elapsed, Duration.zero))
          assert.isTrue(Duration.isLessThan(elapsed, Duration.seconds(1)))
        })
      )
    })
  })
