import { assert, describe, it } from "@effect/vitest"
import { DirectSql } from "@user-service/database/DirectSql"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { Storage } from "@user-service/database/Storage"
import { Certificates } from "@user-service/database/testing/Certificates"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { settingsOf } from "@user-service/database/testing/TestDatabase"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"

/** What a process has at the URL. */
const open = (url: string) =>
  Effect.map(
    Layer.build(Layer.fresh(Storage.layer.pipe(Layer.provideMerge(Postgres.layer(settingsOf(url, 4)))))),
    (context) => ({
      pool: Context.get(context, SqlClient.SqlClient),
      direct: Context.get(context, DirectSql),
      storage: Context.get(context, Storage),
      check: Effect.provide(requirePostgres, context)
    })
  )

const portOf = (sql: SqlClient.SqlClient) =>
  Effect.map(sql`select inet_server_port() as port`, ([row]) => row?.["port"])

/** Makes all sessions of the server read-only, or no longer, also those that are open. */
const setReadOnly = ({ url }: PostgresServer.PostgresServer, value: "on" | "off") =>
  Effect.gen(function* () {
    const { direct } = yield* open(url)
    yield* direct.unsafe(`alter system set default_transaction_read_only = ${value}`)
    yield* direct`select pg_reload_conf()`
    yield* waitUntil(
      Effect.map(
        direct`show default_transaction_read_only`,
        ([row]) => row?.["default_transaction_read_only"] === value
      )
    )
  }).pipe(Effect.scoped)

const urlOf = (...ports: ReadonlyArray<number>) =>
  `postgres://postgres@${ports.map((port) => `127.0.0.1:${port}`).join(",")}/postgres?target_session_attrs=read-write`

const started = Effect.fnUntraced(function* (options: PostgresServer.PostgresServerOptions = {}) {
  const server = yield* PostgresServer.make(options)
  yield* server.start
  return server
})

describe.skipIf(PostgresServer.skipReason !== "")(`several hosts in DATABASE_URL ${PostgresServer.skipReason}`, () => {
  it.live("all sessions use the one that accepts writes, and move when that is another", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* started(), yield* started()]
      yield* setReadOnly(first, "on")
      // Nothing listens at the first address.
      const { check, direct, pool, storage } = yield* open(urlOf(1, first.port, second.port))
      yield* check
      const ports = Effect.all([portOf(pool), portOf(direct), pool.withTransaction(portOf(pool))])
      assert.deepStrictEqual(yield* ports, [second.port, second.port, second.port])
      const create = (name: string) => storage.transaction(pool.unsafe(`create table ${name} ()`))
      yield* create("on_second")

      yield* setReadOnly(second, "on")
      yield* setReadOnly(first, "off")
      yield* waitUntil(Effect.match(create("on_first"), { onFailure: () => false, onSuccess: () => true }), 20)
      assert.deepStrictEqual(yield* ports, [first.port, first.port, first.port])
    }).pipe(Effect.scoped)
  )

  it.live("a server that answers nothing is passed over, and a start without one that accepts writes is refused", () =>
    Effect.gen(function* () {
      const [first, second] = [yield* started(), yield* started()]
      yield* first.freeze
      const { pool } = yield* open(urlOf(first.port, second.port))
      assert.strictEqual(yield* portOf(pool), second.port)
      yield* setReadOnly(second, "on")
      const { check } = yield* open(urlOf(1, second.port))
      assert.match((yield* Effect.flip(check)).message, /: none of the hosts accepts connections and writes$/)
    }).pipe(Effect.scoped)
  )

  it.live("each is checked by its own name", () =>
    Effect.gen(function* () {
      const { caFile, certificateFile, keyFile, otherCaFile } = yield* Certificates
      const server = yield* started({ tls: { certificateFile, keyFile } })
      const at = (hosts: string, authority: string) =>
        open(`postgres://postgres@${hosts}/postgres?sslmode=verify-full&sslrootcert=${authority}`)
      const { pool } = yield* at(`other.invalid:1,localhost:${server.port}`, caFile)
      const [row] = yield* pool`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
      assert.isTrue(row?.["ssl"])
      // More than fits into one packet, either way.
      const text = "x".repeat(300_000)
      assert.deepStrictEqual(yield* pool`select ${text}::text as text`, [{ text }])
      const { check } = yield* at(`localhost:1,localhost:${server.port}`, otherCaFile)
      assert.match((yield* Effect.flip(check)).message, /none of the hosts accepts connections and writes$/)
    }).pipe(Effect.provide(Certificates.layer), Effect.scoped)
  )
})
