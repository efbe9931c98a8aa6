import { assert, describe, it } from "@effect/vitest"
import { DirectSql } from "@user-service/database/DirectSql"
import * as Migrations from "@user-service/database/Migrations"
import * as Postgres from "@user-service/database/Postgres"
import { requirePostgres } from "@user-service/database/PostgresCheck"
import { Certificates } from "@user-service/database/testing/Certificates"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { freshDatabase, settingsOf } from "@user-service/database/testing/TestDatabase"
import { Context, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { createServer } from "node:net"
import { databaseUrl } from "./engine.ts"

/** What a process has at the URL. */
const open = (url: string, direct?: string) =>
  Effect.map(Layer.build(Postgres.layer(settingsOf(url, 4, direct))), (context) => ({
    pool: Context.get(context, SqlClient.SqlClient),
    direct: Context.get(context, DirectSql),
    migrate: Effect.provide(Migrations.run, context),
    check: Effect.provide(requirePostgres, context)
  }))

/** That requests, transactions and migrations of the URL all work on the same database. */
const assertOneDatabase = Effect.fnUntraced(function* (url: string) {
  const { check, direct, migrate, pool } = yield* open(url)
  yield* check
  yield* migrate
  const tables = (sql: SqlClient.SqlClient) =>
    sql`select current_database() as name, count(*)::int as tables from pg_tables where schemaname = 'public'`
  const found = yield* tables(direct)
  assert.isAbove(Number(found[0]?.["tables"]), 10)
  assert.deepStrictEqual(yield* tables(pool), found, url)
  assert.deepStrictEqual(yield* pool.withTransaction(tables(pool)), found, url)
})

const problem = (url: string, direct?: string) =>
  Effect.scoped(
    Effect.flatMap(open(url, direct), ({ check }) => Effect.map(Effect.flip(check), ({ message }) => message))
  )

const isThere = databaseUrl !== "" && PostgresServer.skipReason === ""

describe.skipIf(!isThere)(`connections to PostgreSQL ${PostgresServer.skipReason}`, () => {
  it.live("host and port from the query of the URL apply to requests and to migrations", () =>
    Effect.gen(function* () {
      const { hostname, pathname, port, username } = new URL(yield* freshDatabase(databaseUrl))
      yield* assertOneDatabase(
        `postgres://${username}@192.0.2.1:1${pathname}?host=${hostname}&port=${port === "" ? 5432 : port}`
      )
      yield* assertOneDatabase(`postgres://?host=${hostname}&port=${port}&user=${username}&dbname=${pathname.slice(1)}`)
    })
  )

  it.live("a Unix socket is reached by its folder in the query or percent-encoded as the host", () =>
    Effect.gen(function* () {
      const server = yield* PostgresServer.make()
      yield* server.start
      const { port, socketFolder } = server
      // TLS has no part in it, as in libpq.
      yield* assertOneDatabase(`postgres://postgres@/postgres?host=${socketFolder}&port=${port}&sslmode=require`)
      yield* assertOneDatabase(`postgres://postgres@${encodeURIComponent(socketFolder)}:${port}/postgres`)
      assert.match(
        yield* problem(`postgres://postgres@%2Fnowhere:${port}/postgres`),
        /^PostgreSQL cannot be used as DATABASE_URL says: connect ENOENT \/nowhere\/\.s\.PGSQL\.\d+$/
      )

      // The same server has no TLS.
      yield* assertOneDatabase(`${server.url}?sslmode=prefer`)
      assert.match(
        yield* problem(`${server.url}?sslmode=require`),
        /: The server does not support TLS; sslmode=prefer or disable do without it$/
      )
    }).pipe(Effect.scoped)
  )

  it.effect("a server that is not PostgreSQL is reported as such", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
          const server = createServer((socket) => {
            socket
              .on("error", () => socket.destroy())
              .once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
          })
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            if (address === null || typeof address === "string") return assert.fail("No port")
            resume(Effect.succeed({ port: address.port, close: () => void server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close)
      ).pipe(Effect.map(({ port }) => port))
      assert.match(
        yield* problem(`postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`),
        /^PostgreSQL cannot be used as DATABASE_URL says: .*another server than PostgreSQL answers there$/
      )
    }).pipe(Effect.scoped)
  )

  it.layer(Certificates.layer)((it) => {
    it.effect("each sslmode requires of the server what it requires in libpq", () =>
      Effect.gen(function* () {
        const { caFile, otherCaFile, ...tls } = yield* Certificates
        const server = yield* PostgresServer.make({ tls, access: ["host all all 127.0.0.1/32 trust"] })
        yield* server.start
        const isEncrypted = (query: string, host = "localhost") =>
          Effect.gen(function* () {
            const { check, direct, pool } = yield* open(`postgres://postgres@${host}:${server.port}/postgres?${query}`)
            yield* check
            const ofSession = (sql: SqlClient.SqlClient) =>
              Effect.map(sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`, (rows) => rows[0]?.["ssl"])
            const ofPool = yield* ofSession(pool)
            assert.strictEqual(yield* ofSession(direct), ofPool)
            assert.strictEqual(yield* pool.withTransaction(ofSession(pool)), ofPool)
            // More than fits into one packet, either way.
            const text = "x".repeat(300_000)
            assert.deepStrictEqual(yield* pool`select ${text}::text as text`, [{ text }])
            return ofPool
          }).pipe(Effect.scoped)
        const refuses = (query: string, host = "localhost") =>
          problem(`postgres://postgres@${host}:${server.port}/postgres?${query}`)

        for (const plain of ["", "sslmode=disable"]) assert.isFalse(yield* isEncrypted(plain), plain)
        for (const encrypted of [
          "sslmode=prefer",
          "sslmode=require",
          `sslmode=require&sslrootcert=${caFile}`,
          `sslmode=verify-ca&sslrootcert=${caFile}`,
          `sslmode=verify-full&sslrootcert=${caFile}`
        ]) {
          assert.isTrue(yield* isEncrypted(encrypted), encrypted)
        }
        assert.isTrue(yield* isEncrypted(`sslmode=verify-full&sslrootcert=${caFile}`, "127.0.0.1"))
        // Another name of this machine, which the certificate does not have.
        assert.isTrue(yield* isEncrypted(`sslmode=verify-ca&sslrootcert=${caFile}`, "127.1"))
        assert.match(
          yield* refuses(`sslmode=verify-full&sslrootcert=${caFile}`, "127.1"),
          /^PostgreSQL cannot be used as DATABASE_URL says: its certificate is for another name \(Hostname\/IP does not match/
        )
        for (const mode of ["require", "verify-ca", "verify-full"]) {
          assert.match(
            yield* refuses(`sslmode=${mode}&sslrootcert=${otherCaFile}`),
            /: unable to verify the first certificate; name the file with the certificate of its authority by sslrootcert in the URL$/,
            mode
          )
        }
        assert.match(
          yield* refuses("sslmode=verify-full"),
          /; name the file with the certificate of its authority by sslrootcert/
        )
      }).pipe(Effect.scoped)
    )
  })

  it.live("a failed start names the variable and the reason, without the password", () =>
    Effect.gen(function* () {
      const secret = "s3cret-that-nobody-may-see"
      const server = yield* PostgresServer.make({
        access: ["host all locked 127.0.0.1/32 scram-sha-256", "host all all 127.0.0.1/32 trust"]
      })
      yield* server.start
      const at = `127.0.0.1:${server.port}`
      const { direct } = yield* open(server.url)
      yield* direct`create role locked login password 'other'`
      yield* direct`create role crowded login connection limit 0`
      const cases = [
        [
          `postgres://postgres:${secret}@${at}/missing`,
          `database "missing" does not exist; create it: createdb -h 127.0.0.1 -p ${server.port} -U postgres missing`
        ],
        [`postgres://locked:${secret}@${at}/postgres`, `password authentication failed for user "locked"`],
        [`postgres://absent:${secret}@${at}/postgres`, `role "absent" does not exist`],
        [
          `postgres://crowded:${secret}@${at}/postgres`,
          'too many connections for role "crowded"; lower DB_POOL_SIZE, of which each process takes as many, or raise the ' +
            "server's max_connections"
        ],
        [`postgres://locked@${at}/postgres`, "The server requested password authentication; there is none in the URL"],
        [`postgres://postgres@${at}/postgres?options=-c%20none%3D1`, 'unrecognized configuration parameter "none"']
      ] as const
      for (const [url, words] of cases) {
        assert.strictEqual(yield* problem(url), `PostgreSQL cannot be used as DATABASE_URL says: ${words}`)
      }
      assert.strictEqual(
        yield* problem(server.url, `postgres://postgres:${secret}@${at}/template1`),
        "PostgreSQL cannot be used as DATABASE_DIRECT_URL says: this is a different database from that of DATABASE_URL"
      )
      assert.match(
        yield* problem("postgres://u@127.0.0.1:1/db"),
        /: nothing listens there \(connect ECONNREFUSED 127\.0\.0\.1:1\)$/
      )
    }).pipe(Effect.scoped)
  )
})
