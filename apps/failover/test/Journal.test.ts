import { assert, describe, it } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { compare, type Journal, makeJournal, type Violations } from "../src/load/Journal.ts"

const none: Violations = { lost: 0, doubled: 0, phantom: 0, outOfOrder: 0, ended: 0 }

const newUser = SqlClient.SqlClient.use((sql) => {
  const id = randomUUID()
  return Effect.as(
    sql`
      insert into users (id, email, username, password_hash, created_at, updated_at)
      values (${id}, ${`${id}@example.org`}, ${id}, '', now(), now())`,
    id
  )
})

/** Stores the event of a changed name and returns its id. */
const store = (user: string, name: string) =>
  SqlClient.SqlClient.use((sql) => {
    const id = randomUUID()
    return Effect.as(
      sql`
        insert into outbox (id, user_id, user_version, event_type, payload, created_at)
        values (${id}, ${user}, 1, 'UserProfileUpdated', ${JSON.stringify({ updatedFields: { firstName: name } })}::jsonb, now())`,
      id
    )
  })

const write = (journal: Journal, user: string, name: string, status = 200) =>
  journal.writes.push({ user, name, startedAt: 0, endedAt: 0, status })

const receive = (journal: Journal, ...ids: ReadonlyArray<string>) =>
  journal.events.push(...ids.map((id) => ({ id, receivedAt: 0 })))

/** A user with two stored, acknowledged and received changes, after which the journal is changed. */
const judge = (
  change: (
    journal: Journal,
    user: string,
    ids: ReadonlyArray<string>
  ) => Effect.Effect<unknown, unknown, SqlClient.SqlClient>
) =>
  Effect.gen(function* () {
    const user = yield* newUser
    const journal = makeJournal()
    const ids = [yield* store(user, "name-1"), yield* store(user, "name-2")]
    write(journal, user, "name-1")
    write(journal, user, "name-2")
    receive(journal, ...ids)
    yield* change(journal, user, ids)
    const violations = yield* compare(journal)
    const sql = yield* SqlClient.SqlClient
    yield* sql`delete from outbox`
    yield* sql`delete from deliveries`
    return violations
  })

const sync = (run: () => void) => Effect.sync(run)

it.layer(Layer.fresh(TestDatabase.layerPgLite))("the journal of a run", (it) => {
  it.effect("has no violation where all is stored once and received in order", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* judge(() => Effect.void), none)
      // An event may be delivered twice, and an attempt without an answer may have been executed or not.
      const more = yield* judge((journal, user, ids) =>
        Effect.gen(function* () {
          receive(journal, ...ids)
          write(journal, user, "name-3", 0)
          write(journal, user, "name-4", 503)
          receive(journal, yield* store(user, "name-4"))
        })
      )
      assert.deepStrictEqual(more, none)
    })
  )

  it.effect("counts what was acknowledged and is not stored, and what is stored and was not received, as lost", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* judge((journal, user) => sync(() => write(journal, user, "name-3"))), {
        ...none,
        lost: 1
      })
      assert.deepStrictEqual(yield* judge((journal) => sync(() => journal.events.pop())), { ...none, lost: 1 })
      const status = yield* judge((journal) =>
        sync(() => journal.statuses.push({ id: "n1", expected: "sent", messageIds: ["n1"] }))
      )
      assert.deepStrictEqual(status, { ...none, lost: 1 })
    })
  )

  it.effect("counts a write that is stored twice as doubled", () =>
    Effect.gen(function* () {
      const twice = yield* judge((journal, user) => Effect.map(store(user, "name-2"), (id) => receive(journal, id)))
      assert.deepStrictEqual(twice, { ...none, doubled: 1 })
    })
  )

  it.effect("counts what was refused or never sent, and events without a row, as phantoms", () =>
    Effect.gen(function* () {
      const refused = yield* judge((journal, user) =>
        Effect.gen(function* () {
          write(journal, user, "name-3", 401)
          receive(journal, yield* store(user, "name-3"))
        })
      )
      assert.deepStrictEqual(refused, { ...none, phantom: 1 })
      assert.deepStrictEqual(yield* judge((journal) => sync(() => receive(journal, randomUUID()))), {
        ...none,
        phantom: 1
      })
    })
  )

  it.effect("counts an event that came before an earlier one of its user as out of order", () =>
    Effect.gen(function* () {
      const reversed = yield* judge((journal) =>
        sync(() => journal.events.push(...journal.events.splice(0).toReversed()))
      )
      assert.deepStrictEqual(reversed, { ...none, outOfOrder: 1 })
    })
  )
})

describe("an ended session", () => {
  it.effect("is a violation where it was accepted", () =>
    Effect.gen(function* () {
      const journal = makeJournal()
      journal.sessions.accepted.push("session 1 by API 1")
      assert.deepStrictEqual(yield* compare(journal), { ...none, ended: 1 })
    }).pipe(Effect.provide(TestDatabase.layerPgLite))
  )
})
