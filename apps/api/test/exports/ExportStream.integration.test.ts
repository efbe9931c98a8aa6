import { assert, describe, it } from "@effect/vitest"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Effect } from "effect"
import { connect, type Socket } from "node:net"
import { inject } from "vitest"
import { staff } from "../admin/Staff.ts"
import { layerReal, type Person, TestApi } from "../TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const path = "/api/v1/users/export/"

// Ten megabytes, more than the buffers of a connection hold.
const fill = ({ id }: Pick<Person, "id">) =>
  Effect.flatMap(
    TestApi,
    ({ sql }) => sql`
      insert into deliveries (id, notification_id, place, user_id, channel, category, status, error, created_at, updated_at)
      select gen_random_uuid(), ${id} || '-' || n, 0, ${id}::uuid, 'email', 'system', 'failed', repeat('x', 2000),
        now() - n * interval '1 second', now()
      from generate_series(1, 5000) n`
  )

/** A client that asks for an export and reads as much as it is told to. */
const client = Effect.fnUntraced(function* ({ access }: Person, requestId: string, exportPath = path) {
  const { hostname, port } = new URL((yield* TestApi).url)
  const socket = yield* Effect.acquireRelease(
    Effect.sync((): Socket => connect({ host: hostname, port: Number(port) })),
    (socket) => Effect.sync(() => socket.destroy())
  )
  const received: Array<Buffer> = []
  socket.on("error", () => socket.destroy())
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
  socket.write(
    `GET ${exportPath} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${access}\r\nX-Request-Id: ${requestId}\r\n` +
      "Connection: close\r\n\r\n"
  )
  // Reads the first bytes, and then nothing.
  yield* Effect.promise(
    () =>
      new Promise<void>((resolve) => {
        socket.on("data", (data) => {
          received.push(data)
          if (received.length === 1) {
            socket.pause()
            resolve()
          }
        })
      })
  )
  return {
    leave: Effect.sync(() => socket.destroy()),
    /** Everything that comes until the server closes the connection. */
    rest: Effect.promise(async () => {
      socket.resume()
      await closed
      return Buffer.concat(received).toString("utf8")
    })
  }
})

const outcomesOf = (metric: string) =>
  Effect.map(
    Effect.flatMap(TestApi, ({ send }) => send("GET", "/metrics")),
    ({ text }) =>
      Object.fromEntries(
        [...text.matchAll(new RegExp(`^${metric}\\{outcome="(\\w+)"\\} (\\d+)$`, "gm"))].map(([, name, count]) => [
          name,
          Number(count)
        ])
      )
  )

const outcomes = outcomesOf("account_exports_total")

/** Waits until no connection of the database is in use but the one that asks. */
const untilNoneBusy = Effect.flatMap(TestApi, ({ sql }) =>
  waitUntil(
    Effect.map(
      sql`
        select query from pg_stat_activity
        where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`,
      (found) => found.length === 0
    )
  )
)

const lastChunk = "\r\n0\r\n\r\n"

describe.skipIf(databaseUrl === "" || redisUrl === "")("an export whose client does not read", () => {
  it.layer(layerReal(databaseUrl, redisUrl), { excludeTestServices: true })((it) => {
    it.effect("occupies no connection of the database, and is completed when the client reads on", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* fill(person)
        const { rest } = yield* client(person, "slow")
        yield* untilNoneBusy
        assert.isUndefined((yield* outcomes)["completed"])
        const text = yield* rest
        assert.isTrue(text.endsWith(lastChunk))
        assert.isTrue(text.includes(`"security_log":`))
        assert.strictEqual((yield* outcomes)["completed"], 1)
      })
    )

    it.effect("ends when the client leaves", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* fill(person)
        const { leave } = yield* client(person, "gone")
        assert.isUndefined((yield* outcomes)["aborted"])
        yield* leave
        yield* waitUntil(Effect.map(outcomes, (counts) => counts["aborted"] === 1))
        const lines = (yield* api.log).filter((line) => line["request_id"] === "gone")
        assert.deepStrictEqual(
          lines.map(({ level, status }) => [level, status]),
          [["info", 200]]
        )
      })
    )

    it.effect("does not look complete if a read fails in the middle", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* fill(person)
        const { rest } = yield* client(person, "failed")
        yield* api.sql`alter table audit_log rename to audit_log_away`
        const text = yield* rest
        yield* api.sql`alter table audit_log_away rename to audit_log`
        assert.isTrue(text.startsWith("HTTP/1.1 200 OK\r\n"))
        assert.isTrue(text.includes(`"suppressions":`))
        assert.isFalse(text.endsWith(lastChunk))
        assert.isFalse(text.includes(`"error":null,"meta"`))
        assert.strictEqual((yield* outcomes)["failed"], 1)
        const lines = (yield* api.log).filter((line) => line["request_id"] === "failed")
        assert.includeMembers(
          lines.map((line) => line["message"]),
          ["An export was not completed"]
        )
      })
    )

    it.effect("stops if its session ends meanwhile, and does not look complete", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        const owner = yield* api.login(person)
        yield* fill(person)
        const { rest } = yield* client(person, "revoked")
        const { status } = yield* api.send("POST", "/api/v1/users/logout-all/", { token: owner.access })
        assert.strictEqual(status, 200)
        const text = yield* rest
        assert.isFalse(text.includes(`"suppressions":`))
        assert.isFalse(text.endsWith(lastChunk))
        yield* waitUntil(Effect.map(outcomes, (counts) => counts["aborted"] === 2))
      })
    )

    it.effect("does not look complete if the user is erased meanwhile", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const person = yield* api.person()
        yield* fill(person)
        const { rest } = yield* client(person, "erased")
        yield* api.sql`delete from users where id = ${person.id}`
        const text = yield* rest
        assert.isFalse(text.endsWith(lastChunk))
        yield* waitUntil(Effect.map(outcomes, (counts) => counts["aborted"] === 3))
        assert.strictEqual((yield* outcomes)["failed"], 1)
      })
    )

    it.effect("of the audit log occupies none either, and stops if the role of its reader ends meanwhile", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const admin = yield* staff("admin")
        yield* api.sql`
          insert into audit_log (user_id, actor_id, action, details, created_at)
          select ${admin.id}::uuid, ${admin.id}::uuid, 'test', jsonb_build_object('text', repeat('x', 2000)),
            now() - n * interval '1 millisecond'
          from generate_series(1, 5000) n`
        const exportPath = `/api/v1/admin/audit/export/?user_id=${admin.id}`
        const slow = yield* client(admin, "slow audit", exportPath)
        yield* untilNoneBusy
        const counts = outcomesOf("audit_exports_total")
        assert.isUndefined((yield* counts)["completed"])
        const text = yield* slow.rest
        assert.isTrue(text.endsWith(lastChunk))
        assert.strictEqual((yield* counts)["completed"], 1)
        const dismissed = yield* client(admin, "dismissed", exportPath)
        yield* api.sql`update users set role = 'support' where id = ${admin.id}`
        assert.isFalse((yield* dismissed.rest).endsWith(lastChunk))
        yield* waitUntil(Effect.map(counts, ({ aborted, failed }) => aborted === 1 && failed === undefined))
      })
    )
  })
})
