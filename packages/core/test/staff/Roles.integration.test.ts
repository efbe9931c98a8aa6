import { assert, describe, it } from "@effect/vitest"
import { Cache } from "@user-service/cache/Cache"
import { CurrentActor } from "@user-service/core/Actor"
import { AccountStates } from "@user-service/core/staff/AccountStates"
import { Roles } from "@user-service/core/staff/Roles"
import { Storage } from "@user-service/database/Storage"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Effect, Layer, Result } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { inject } from "vitest"
import * as TestSettings from "../TestSettings.ts"

const databaseUrl = inject("databaseUrl")

const overPostgres = Layer.mergeAll(AccountStates.layer, Roles.layer).pipe(
  Layer.provideMerge([
    Storage.layer.pipe(Layer.provideMerge(TestDatabase.layerPostgres(databaseUrl))),
    Cache.layerMemory,
    SecureRandom.layerWebCrypto,
    TokenSigner.layer.pipe(Layer.provide(Keys.layerMemory), Layer.provide(SecureRandom.layerWebCrypto))
  ]),
  Layer.provideMerge(TestSettings.layer())
)

/** Replaces all users by administrators. */
const administrators = Effect.fnUntraced(function* (count: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`delete from users`
  const ids = Array.from({ length: count }, () => UserId.make(randomUUID()))
  yield* sql`
    insert into users (id, email, username, password_hash, role, created_at, updated_at)
    select id, id || '@example.com', id::text, '', 'admin', now(), now() from unnest(${ids}::uuid[]) as admin (id)`
  return ids
})

const remaining = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql`select count(*)::int as count from users where role = 'admin' and is_active`
  return row?.["count"]
})

const remove = (kind: "disable" | "set_role", actor: UserId, target: UserId) =>
  Effect.gen(function* () {
    const [roles, states] = [yield* Roles, yield* AccountStates]
    return yield* kind === "disable" ? states.disable(target) : roles.set(target, null)
  }).pipe(Effect.provideService(CurrentActor, { userId: actor, reason: "test" }), Effect.result)

const tagOf = (result: Result.Result<unknown, { readonly _tag: string }>) =>
  Result.isFailure(result) ? result.failure._tag : "done"

describe.skipIf(databaseUrl === "")("over PostgreSQL", () => {
  it.layer(overPostgres, { excludeTestServices: true })((it) => {
    for (const kind of ["set_role", "disable"] as const) {
      it.effect(`of two admins who remove each other at once by ${kind}, one remains`, () =>
        Effect.gen(function* () {
          for (let round = 0; round < 20; round++) {
            const [a, b] = yield* administrators(2)
            if (a === undefined || b === undefined) return assert.fail()
            const outcomes = yield* Effect.all([remove(kind, a, b), remove(kind, b, a)], { concurrency: "unbounded" })
            assert.strictEqual(yield* remaining, 1)
            assert.sameMembers(outcomes.map(tagOf), ["done", "RoleTooLow"])
          }
        })
      )
    }

    it.effect("of many admins who remove the next one at once, at least one remains, without deadlocks", () =>
      Effect.gen(function* () {
        for (let round = 0; round < 5; round++) {
          const ids = yield* administrators(6)
          const outcomes = yield* Effect.forEach(
            ids,
            (id, index) => remove(index % 2 === 0 ? "disable" : "set_role", id, ids[(index + 1) % ids.length] ?? id),
            { concurrency: "unbounded" }
          )
          assert.isAtLeast(Number(yield* remaining), 1)
          assert.isTrue(outcomes.every((outcome) => ["done", "RoleTooLow"].includes(tagOf(outcome))))
        }
      })
    )

    it.effect("of operators who remove all admins at once, the last one remains", () =>
      Effect.gen(function* () {
        for (let round = 0; round < 10; round++) {
          const ids = yield* administrators(4)
          const { set } = yield* Roles
          const outcomes = yield* Effect.forEach(ids, (id) => Effect.result(set(id, null)), {
            concurrency: "unbounded"
          })
          assert.strictEqual(yield* remaining, 1)
          assert.sameMembers(outcomes.map(tagOf), ["done", "done", "done", "LastAdministrator"])
        }
      })
    )
  })
})
