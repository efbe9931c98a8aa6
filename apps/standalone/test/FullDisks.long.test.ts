import { assert, describe, it } from "@effect/vitest"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect, Exit } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, statfsSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Engines from "./Engines.ts"
import * as Guide from "./Guide.ts"
import { expectAnswer, sender } from "./Http.ts"
import { login, type Person, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const settings = { BCRYPT_COST: "10", RATE_LIMIT_REGISTER: "off", RATE_LIMIT_WRITE: "off" }

const preferences = "/api/v1/users/preferences/"

const mount = (folder: string) => spawnSync("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", folder]).status === 0

const makeDisk = () => {
  const folder = mkdtempSync(join(tmpdir(), "disk-"))
  const isMounted = mount(folder)
  chmodSync(folder, 0o777)
  return { folder, isMounted }
}

const removeDisk = ({ folder, isMounted }: ReturnType<typeof makeDisk>) => {
  if (isMounted) execFileSync("umount", [folder])
  rmSync(folder, { recursive: true })
}

// Only root may mount, and not in every container.
const canMount = (() => {
  const disk = makeDisk()
  removeDisk(disk)
  return disk.isMounted
})()

/** A disk of 160 MB. */
const smallDisk = Effect.map(
  Effect.acquireRelease(Effect.sync(makeDisk), (disk) => Effect.sync(() => removeDisk(disk))),
  ({ folder }) => folder
)

const fill = (disk: string, leave: number) => {
  const { bavail, bsize } = statfsSync(disk)
  execFileSync("fallocate", ["--length", String(bavail * bsize - leave), join(disk, "reserve")])
}

const patch = (service: string, { access }: Person, limit: number) =>
  sender(service)("PATCH", preferences, { token: access, body: { frequency_limit: limit } })

const ready = (service: string) => Effect.map(sender(service)("GET", "/health/ready"), ({ status }) => status)

describe.skipIf(!Engines.areAvailable || PostgresServer.skipReason !== "" || !canMount)(
  "a full disk of PostgreSQL",
  () => {
    it.live(
      "refuses writes with 503 and serves reads; with the space for WAL gone nothing is ready; free space ends both",
      () =>
        Effect.gen(function* () {
          const disk = yield* smallDisk
          const server = yield* PostgresServer.make({ parent: disk, settings: ["max_wal_size=32MB"] })
          yield* server.start
          const environment = {
            DATABASE_URL: server.url,
            ...(yield* Engines.redis),
            ...(yield* Engines.rabbitmq),
            ...settings
          }
          const program = yield* Program.start(environment)
          const person = yield* register(sender(program.url))
          fill(disk, 200_000)

          let turn = 0
          const attempt = Effect.suspend(() => patch(program.url, person, turn++ % 1000))
          const refused = yield* Effect.repeat(attempt, { until: ({ status }) => status !== 200, times: 20_000 })
          assert.strictEqual(refused.status, 503, refused.text)
          assert.strictEqual(refused.body.code, "service_unavailable")
          assert.isNotNull(refused.headers.get("retry-after"))
          const expect = expectAnswer(sender(program.url))
          yield* expect(200, undefined, "GET", "/api/v1/users/profile/", { token: person.access })

          // The next WAL file does not fit either: PostgreSQL ends.
          const messages =
            "select count(pg_logical_emit_message(true, 'full', repeat('x', 1000000))) from generate_series(1, 40)"
          assert.isTrue(Exit.isFailure(yield* Effect.exit(Engines.execute(messages, server.url))))
          yield* waitUntil(
            "the program is not ready",
            Effect.map(ready(program.url), (status) => status === 503)
          )
          assert.strictEqual((yield* patch(program.url, person, 1)).status, 503)

          yield* Guide.run("free-space", { env: { RESERVE: join(disk, "reserve") } })
          yield* server.start
          yield* waitUntil(
            "the program is ready",
            Effect.map(ready(program.url), (status) => status === 200)
          )
          assert.strictEqual((yield* patch(program.url, person, 7)).status, 200)
          assert.strictEqual((yield* program.stop).code, 0)
        }),
      180_000
    )
  }
)

describe.skipIf(!Engines.areAvailable || !RabbitMqServer.isInstalled)("a full disk of RabbitMQ", () => {
  it.live(
    "blocks publishers: no request fails, events wait in the outbox and are published when the alarm ends",
    () =>
      Effect.gen(function* () {
        const rabbitmq = yield* RabbitMqServer.make
        yield* rabbitmq.start
        const engines = { ...(yield* Engines.database), ...(yield* Engines.redis), RABBITMQ_URL: rabbitmq.url }
        const program = yield* Program.start({ ...engines, ...settings })
        const person = yield* register(sender(program.url))
        const waiting = Effect.map(
          Engines.execute("select 1 from outbox where published_at is null", engines.DATABASE_URL),
          (rows) => rows.length
        )
        yield* waitUntil(
          "nothing waits",
          Effect.map(waiting, (count) => count === 0)
        )
        yield* rabbitmq.control("set_disk_free_limit", "1000000GB")
        for (let limit = 1; limit <= 20; limit++)
          assert.strictEqual((yield* patch(program.url, person, limit)).status, 200)
        assert.strictEqual(yield* ready(program.url), 200)
        assert.strictEqual(yield* waiting, 20)
        const connections = yield* rabbitmq.control("list_connections", "name", "state")
        assert.match(connections, /block/)
        yield* rabbitmq.control("set_disk_free_limit", "1MB")
        yield* waitUntil(
          "nothing waits",
          Effect.map(waiting, (count) => count === 0)
        )
      }),
    180_000
  )
})

describe.skipIf(!Engines.areAvailable)("a Redis without memory that may not evict", () => {
  it.live(
    "fails no request",
    () =>
      Effect.gen(function* () {
        const { REDIS_URL } = yield* Engines.redis
        const engines = { REDIS_URL, ...(yield* Engines.database), ...(yield* Engines.rabbitmq) }
        const program = yield* Program.start({ ...engines, ...settings })
        const redis = (...command: ReadonlyArray<string>) =>
          execFileSync("redis-cli", ["-u", REDIS_URL, ...command], { encoding: "utf8" })
        redis("config", "set", "maxmemory", "1")
        assert.include(redis("set", "key", "value"), "OOM")
        const send = sender(program.url)
        const person = yield* register(send)
        const again = yield* login(send, person)
        assert.strictEqual((yield* patch(program.url, again, 3)).status, 200)
        yield* expectAnswer(send)(200, undefined, "POST", "/api/v1/users/token/refresh/", {
          body: { refresh: again.refresh }
        })
        yield* expectAnswer(send)(200, undefined, "POST", "/api/v1/users/logout/", { token: person.access })
        yield* expectAnswer(send)(401, undefined, "GET", "/api/v1/users/profile/", { token: person.access })
        redis("config", "set", "maxmemory", "0")
        yield* waitUntil(
          "Redis is used again",
          Effect.gen(function* () {
            yield* send("GET", "/api/v1/users/profile/", { token: again.access })
            return redis("dbsize").trim() !== "0"
          })
        )
      }),
    120_000
  )
})
