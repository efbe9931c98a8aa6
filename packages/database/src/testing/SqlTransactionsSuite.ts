import { assert, describe, type Vitest } from "@effect/vitest"
import { Array, Cause, Deferred, Effect, Exit, Fiber, Option } from "effect"
import { SqlClient, SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import { raise } from "./Raise.ts"
import { freshNames, insert, exists, transaction, reasonOf, sqlStateOf, requireAllFree } from "./Things.ts"

/** The contract of a `SqlClient`: transactions. */
export const suite = (it: Vitest.MethodsNonLive<SqlClient.SqlClient>, connections: number) =>
  describe("transactions", () => {
    it.effect("a success commits and returns the result", () =>
      Effect.gen(function* () {
        const name = randomUUID()
        assert.strictEqual(yield* transaction(Effect.as(insert(name), "done")), "done")
        assert.isTrue(yield* exists(name))
      })
    )

    it.effect("a failure rolls back and is returned unchanged", () =>
      Effect.gen(function* () {
        const name = randomUUID()
        assert.strictEqual(yield* Effect.flip(transaction(Effect.andThen(insert(name), Effect.fail("no")))), "no")
        assert.isFalse(yield* exists(name))
      })
    )

    it.effect("a defect rolls back and is returned unchanged", () =>
      Effect.gen(function* () {
        const name = randomUUID()
        const exit = yield* Effect.exit(transaction(Effect.andThen(insert(name), Effect.die("broken"))))
        assert.deepStrictEqual(exit, Exit.die("broken"))
        assert.isFalse(yield* exists(name))
      })
    )

    it.effect("an interruption rolls back", () =>
      Effect.gen(function* () {
        const name = randomUUID()
        const inserted = yield* Deferred.make<void>()
        const fiber = yield* insert(name).pipe(
          Effect.andThen(Deferred.succeed(inserted, undefined)),
          Effect.andThen(Effect.never),
          transaction,
          Effect.forkChild
        )
        yield* Deferred.await(inserted)
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.isFalse(yield* exists(name))
      })
    )

    it.effect("an interruption during a statement rolls back and releases the connection", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        for (let round = 0; round < 2 * connections; round++) {
          const name = randomUUID()
          const inserted = yield* Deferred.make<void>()
          const fiber = yield* insert(name).pipe(
            Effect.andThen(Deferred.succeed(inserted, undefined)),
            Effect.andThen(Effect.forever(sql`select count(*) from generate_series(1, 1000)`)),
            transaction,
            Effect.forkChild
          )
          yield* Deferred.await(inserted)
          yield* Fiber.interrupt(fiber)
          assert.isFalse(yield* exists(name))
        }
        yield* requireAllFree(connections)
      })
    )

    it.effect("after a failed statement later statements and the commit fail", () =>
      Effect.gen(function* () {
        const name = randomUUID()
        const exit = yield* insert(name).pipe(Effect.andThen(Effect.ignore(raise("23505"))), transaction, Effect.exit)
        assert(Exit.isFailure(exit))
        assert.isTrue(Option.exists(Cause.findErrorOption(exit.cause), SqlError.isSqlError))
        const refused = yield* raise("23505").pipe(
          Effect.ignore,
          Effect.andThen(reasonOf(insert(name))),
          Effect.map(sqlStateOf),
          Effect.tap((sqlState) => Effect.fail(sqlState)),
          transaction,
          Effect.flip
        )
        assert.strictEqual(refused, "25P02")
        assert.isFalse(yield* exists(name))
        yield* requireAllFree(connections)
      })
    )

    it.effect("a failed nested transaction does not roll back the outer one", () =>
      Effect.gen(function* () {
        const [before, inside, after] = [randomUUID(), randomUUID(), randomUUID()]
        yield* Effect.gen(function* () {
          yield* insert(before)
          yield* Effect.flip(transaction(Effect.andThen(insert(inside), Effect.fail("no"))))
          assert.isFalse(yield* exists(inside))
          yield* Effect.flip(transaction(insert(before)))
          yield* insert(after)
        }).pipe(transaction)
        assert.deepStrictEqual(yield* Effect.forEach([before, inside, after], exists), [true, false, true])
      })
    )

    it.effect("a successful nested transaction rolls back with the outer one", () =>
      Effect.gen(function* () {
        const [kept, lost] = [randomUUID(), randomUUID()]
        yield* transaction(transaction(transaction(insert(kept))))
        yield* Effect.flip(transaction(Effect.andThen(transaction(insert(lost)), Effect.fail("no"))))
        assert.deepStrictEqual(yield* Effect.forEach([kept, lost], exists), [true, false])
      })
    )

    it.effect("a statement of another fiber neither joins an open transaction nor sees its rows", () =>
      Effect.gen(function* () {
        const uncommitted = randomUUID()
        const others = freshNames(50)
        const open = yield* Deferred.make<void>()
        const inside = yield* insert(uncommitted).pipe(
          Effect.andThen(Deferred.succeed(open, undefined)),
          Effect.andThen(Effect.replicateEffect(exists(uncommitted), 50)),
          Effect.tap((seen) => Effect.sync(() => assert.isTrue(seen.every(Boolean)))),
          Effect.andThen(Effect.fail("no")),
          transaction,
          Effect.flip,
          Effect.forkChild
        )
        yield* Deferred.await(open)
        const seen = yield* Effect.forEach(others, (name) => Effect.andThen(insert(name), exists(uncommitted)), {
          concurrency: "unbounded"
        })
        assert.strictEqual(yield* Fiber.join(inside), "no")
        assert.isFalse(seen.some(Boolean))
        assert.isTrue((yield* Effect.forEach(others, exists)).every(Boolean))
      })
    )

    it.effect("concurrent statements within a transaction all belong to it", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const names = freshNames(20)
        const inside = Effect.forEach(
          names,
          (name) => Effect.andThen(insert(name), sql`select pg_current_xact_id()::text as id`),
          { concurrency: "unbounded" }
        )
        const ids = yield* inside.pipe(
          Effect.map((answers) => new Set(answers.flat().map((row) => row["id"]))),
          Effect.tap((ids) => Effect.fail(ids)),
          transaction,
          Effect.flip
        )
        assert(ids instanceof Set)
        assert.strictEqual(ids.size, 1)
        assert.isFalse((yield* Effect.forEach(names, exists)).some(Boolean))
      })
    )

    it.effect("rows are locked in the requested order, so that concurrent transactions lose no update", () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const ids = freshNames(5)
        yield* sql`insert into things ${sql.insert(Array.map(ids, (id) => ({ id, name: id })))}`
        const raiseAll = Effect.fnUntraced(function* (ids: ReadonlyArray<string>) {
          const locked = yield* sql<{ id: string; amount: number }>`
            select id, amount from things where id = any(${ids}::uuid[]) order by id for no key update`
          assert.deepStrictEqual(
            locked.map((row) => row.id),
            ids.toSorted()
          )
          for (const { amount, id } of locked) {
            yield* sql`update things set amount = ${amount + 1} where id = ${id}`
          }
        })
        yield* Effect.forEach(
          Array.makeBy(20, (n) => (n % 2 === 0 ? ids : ids.toReversed())),
          (ids) => transaction(raiseAll(ids)),
          { concurrency: "unbounded" }
        )
        const amounts = yield* sql`select amount from things where id = any(${ids}::uuid[])`
        assert.deepStrictEqual(
          amounts,
          ids.map(() => ({ amount: 20 }))
        )
      })
    )
  })
