import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, type Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as EmailCanonicals from "../EmailCanonicals.ts"

/** Inserts accounts without canonical addresses, as an older release wrote them. */
const insertOld = Effect.fnUntraced(function* (emails: ReadonlyArray<string>, daysSinceLogin?: number) {
  const sql = yield* SqlClient.SqlClient
  const ids = emails.map(() => randomUUID())
  yield* sql.withTransaction(
    Effect.gen(function* () {
      yield* sql`alter table users disable trigger users_email_canonical`
      yield* sql`
        insert into users (id, email, username, password_hash, created_at, updated_at, last_login_at)
        select id, email, id, '', now(), now(), now() - make_interval(days => ${daysSinceLogin ?? null}::int)
        from unnest(${ids}::uuid[], ${emails}::text[]) as given (id, email)`
      yield* sql`alter table users enable trigger users_email_canonical`
    })
  )
  return ids
})

const insertOneOld = (email: string, daysSinceLogin?: number) =>
  Effect.map(insertOld([email], daysSinceLogin), ([id = ""]) => id)

/** Inserts an account as an older release or an import does after the migration. */
const insert = Effect.fnUntraced(function* (email: string) {
  const sql = yield* SqlClient.SqlClient
  const id = randomUUID()
  yield* sql`
    insert into users (id, email, username, password_hash, created_at, updated_at)
    values (${id}, ${email}, ${id}, '', now(), now())`
  return id
})

const canonicalOf = (id: string) =>
  SqlClient.SqlClient.use((sql) =>
    Effect.map(
      sql<{ canonical: string | null }>`select email_canonical as canonical from users where id = ${id}`,
      ([row]) => row?.canonical
    )
  )

const fill = Effect.flatMap(SqlClient.SqlClient, EmailCanonicals.fill)

/** Makes `fill` run as for the first time. */
const resetStep = SqlClient.SqlClient.use((sql) => sql`delete from data_steps`)

const violatedConstraint = <A, R>(effect: Effect.Effect<A, { readonly reason: { readonly _tag: string } }, R>) =>
  Effect.map(Effect.flip(effect), ({ reason }) => "constraint" in reason && reason.constraint)

const fresh = () => randomUUID().slice(0, 8)

/** The contract of canonical e-mail addresses, on any engine. */
export const suite = <E>(name: string, migrated: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(migrated, { excludeTestServices: true })((it) => {
      it.effect("all accounts from before the migration get a canonical address", () =>
        Effect.gen(function* () {
          yield* resetStep
          const names = Array.makeBy(1201, (n) => `${fresh()}${n}`)
          const ids = yield* insertOld(names.map((name) => `${name}@bücher.example`))
          const ascii = yield* insertOneOld(`${names[0]}@example.com`)
          yield* fill
          for (const n of [0, 499, 500, 1000, 1200]) {
            assert.strictEqual(yield* canonicalOf(ids[n] ?? ""), `${names[n]}@xn--bcher-kva.example`)
          }
          assert.strictEqual(yield* canonicalOf(ascii), `${names[0]}@example.com`)
          const sql = yield* SqlClient.SqlClient
          assert.deepStrictEqual(yield* sql`select count(*)::int as count from users where email_canonical is null`, [
            { count: 0 }
          ])
        })
      )

      it.effect("the account of a mailbox with the latest login gets the address, and the others are listed", () =>
        Effect.gen(function* () {
          yield* resetStep
          const name = fresh()
          const spellings = [`${name}@xn--bcher-kva.example`, `${name}@bücher.example`, `${name}@ｂücher.example`]
          const [older, latest, never] = [
            yield* insertOneOld(spellings[0] ?? "", 10),
            yield* insertOneOld(spellings[1] ?? "", 1),
            yield* insertOneOld(spellings[2] ?? "")
          ]
          yield* fill
          assert.deepStrictEqual(yield* Effect.forEach([older, latest, never], canonicalOf), [null, spellings[0], null])
          const shared = yield* Effect.flatMap(SqlClient.SqlClient, EmailCanonicals.sharedMailboxes)
          assert.sameDeepMembers(
            shared.map(({ holder, other }) => [holder.id, other.id, other.email]),
            [
              [latest, older, spellings[0]],
              [latest, never, spellings[2]]
            ]
          )
        })
      )

      it.effect("an account of an earlier batch loses the address to an account with a later login", () =>
        Effect.gen(function* () {
          yield* resetStep
          const name = fresh()
          const holder = yield* insertOneOld(`${name}@bücher.example`, 10)
          const sql = yield* SqlClient.SqlClient
          yield* sql`update users set email_canonical = ${`${name}@xn--bcher-kva.example`} where id = ${holder}`
          const later = yield* insertOneOld(`${name}@xn--bcher-kva.example`, 1)
          yield* fill
          assert.deepStrictEqual(yield* Effect.forEach([holder, later], canonicalOf), [
            null,
            `${name}@xn--bcher-kva.example`
          ])
        })
      )

      it.effect(
        "after the first complete run an account keeps the address, and the other one gets it when the account is deleted",
        () =>
          Effect.gen(function* () {
            yield* fill
            const name = fresh()
            const holder = yield* insertOneOld(`${name}@bücher.example`, 10)
            yield* fill
            const later = yield* insertOneOld(`${name}@xn--bcher-kva.example`, 1)
            yield* fill
            assert.deepStrictEqual(yield* Effect.forEach([holder, later], canonicalOf), [
              `${name}@xn--bcher-kva.example`,
              null
            ])
            const sql = yield* SqlClient.SqlClient
            yield* sql`delete from users where id = ${holder}`
            yield* fill
            assert.strictEqual(yield* canonicalOf(later), `${name}@xn--bcher-kva.example`)
          })
      )

      it.effect("an ASCII address gets its canonical form on insert, whichever release writes the row", () =>
        Effect.gen(function* () {
          const name = fresh()
          assert.strictEqual(yield* canonicalOf(yield* insert(`${name}@Example.com`)), `${name}@example.com`)
          const other = yield* insert(`${name}@bücher.example`)
          assert.strictEqual(yield* canonicalOf(other), null)
          yield* fill
          assert.strictEqual(yield* canonicalOf(other), `${name}@xn--bcher-kva.example`)
        })
      )

      it.effect("a taken mailbox violates the constraint that older releases know", () =>
        Effect.gen(function* () {
          const name = fresh()
          yield* insert(`${name}@bücher.example`)
          yield* fill
          assert.strictEqual(yield* violatedConstraint(insert(`${name}@xn--bcher-kva.example`)), "users_email_key")
          assert.strictEqual(yield* violatedConstraint(insert(`${name}@BÜCHER.example`)), "users_email_key")
        })
      )

      it.effect("changing an address without its canonical form removes the old canonical form", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const name = fresh()
          const id = yield* insert(`${name}@example.com`)
          yield* sql`update users set email = ${`${name}@example.org`} where id = ${id}`
          assert.strictEqual(yield* canonicalOf(id), `${name}@example.org`)
          yield* sql`update users set email = ${`${name}@bücher.example`} where id = ${id}`
          assert.strictEqual(yield* canonicalOf(id), null)
          yield* sql`update users set last_login_at = now() where id = ${id}`
          yield* fill
          assert.strictEqual(yield* canonicalOf(id), `${name}@xn--bcher-kva.example`)
        })
      )

      it.effect("several processes may fill at once", () =>
        Effect.gen(function* () {
          yield* resetStep
          const names = Array.makeBy(600, (n) => `${fresh()}${n}`)
          const ids = yield* insertOld(names.map((name) => `${name}@bücher.example`))
          yield* Effect.replicateEffect(fill, 4, { concurrency: "unbounded" })
          assert.strictEqual(yield* canonicalOf(ids[599] ?? ""), `${names[599]}@xn--bcher-kva.example`)
        })
      )
    })
  })
