import { assert, describe, it } from "@effect/vitest"
import * as RabbitMqServer from "@user-service/broker/testing/RabbitMqServer"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Engines from "./Engines.ts"
import * as Guide from "./Guide.ts"
import { expectAnswer, type Send, sender } from "./Http.ts"
import { login, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const settings = { BCRYPT_COST: "10", RATE_LIMIT_REGISTER: "off" }
const profile = "/api/v1/users/profile/"

const until = (send: Send, status: number, path: string, sent: Parameters<Send>[2]) =>
  waitUntil(
    `${path} is ${status}`,
    Effect.map(send("GET", path, sent), (answer) => answer.status === status)
  )

describe.skipIf(!Engines.areAvailable)("the guide's rotation of keys, while the service runs", () => {
  it.live(
    "keeps sessions; a replaced key file ends them within seconds",
    () =>
      Effect.gen(function* () {
        const folder = yield* Program.folder
        const [JWT_KEYS_FILE, KEYS_COPY] = [join(folder, "keys.json"), join(folder, "copy.json")]
        const environment = { ...(yield* Engines.all), ...settings, JWT_KEYS_FILE }
        const env = { ...environment, KEYS_COPY }
        const program = yield* Program.start(environment)
        const send = sender(program.url)
        const person = yield* register(send)
        const kids = Effect.map(send("GET", "/.well-known/jwks.json"), ({ body }) => body.keys.length)
        assert.strictEqual(yield* kids, 1)
        assert.match(yield* Guide.run("rotate-signing-keys", { env }), /^Published key \S+ in .*: it signs from /m)
        const [file, copy] = yield* Effect.promise(() =>
          Promise.all([JWT_KEYS_FILE, KEYS_COPY].map((path) => readFile(path, "utf8")))
        )
        assert.strictEqual(copy, file)
        yield* waitUntil(
          "both keys are published",
          Effect.map(kids, (count) => count === 2)
        )
        const expect = expectAnswer(send)
        yield* expect(200, undefined, "GET", profile, { token: person.access })
        const refreshed = yield* expect(200, undefined, "POST", "/api/v1/users/token/refresh/", {
          body: { refresh: person.refresh }
        })

        assert.match(yield* Guide.run("replace-signing-keys", { env }), /signs at once/)
        yield* until(send, 401, profile, { token: refreshed.body.access })
        yield* expect(401, undefined, "POST", "/api/v1/users/token/refresh/", {
          body: { refresh: refreshed.body.refresh }
        })
        const again = yield* login(send, person)
        yield* expect(200, undefined, "GET", profile, { token: again.access })
        assert.strictEqual((yield* program.stop).code, 0)
      }),
    120_000
  )

  it.live(
    "adds a service key and removes another",
    () =>
      Effect.gen(function* () {
        const SERVICE_API_KEYS_FILE = join(yield* Program.folder, "service-keys.json")
        const old = randomUUID() + randomUUID()
        const entry = { name: "gateway", sha256: createHash("sha256").update(old).digest("hex"), scopes: ["users"] }
        yield* Effect.promise(() => writeFile(SERVICE_API_KEYS_FILE, JSON.stringify([entry]), { mode: 0o600 }))
        const environment = { ...(yield* Engines.all), ...settings, SERVICE_API_KEYS_FILE }
        const program = yield* Program.start(environment)
        const send = sender(program.url)
        const { id } = yield* register(send)
        const path = `/internal/v1/users/${id}`
        const withKey = (key: string) => ({ headers: { "x-api-key": key } })
        const env = {
          ...environment,
          NEW_NAME: "gateway-2026-12",
          OLD_NAME: "gateway",
          SCOPES: "users introspect"
        }
        const key = (yield* Guide.run("add-service-key", { env })).trim()
        yield* until(send, 200, path, withKey(key))
        yield* expectAnswer(send)(200, undefined, "GET", path, withKey(old))
        yield* Guide.run("remove-service-key", { env })
        yield* until(send, 401, path, withKey(old))
        yield* expectAnswer(send)(200, undefined, "GET", path, withKey(key))
        yield* expectAnswer(send)(403, undefined, "GET", `${path}/push-tokens`, withKey(key))
      }),
    120_000
  )
})

describe.skipIf(!Engines.areAvailable || PostgresServer.skipReason !== "" || !RabbitMqServer.isInstalled)(
  "the guide's rotation of engines' passwords",
  () => {
    it.live(
      "lets processes with the old and the new ones run side by side, and the new ones alone afterwards",
      () =>
        Effect.gen(function* () {
          const server = yield* PostgresServer.make({
            access: [
              "local all postgres trust",
              "host all postgres 127.0.0.1/32 trust",
              "host all all 127.0.0.1/32 scram-sha-256"
            ]
          })
          yield* server.start
          yield* Engines.execute("create role user_service_owner nologin", server.url)
          yield* Engines.execute(
            "create role user_service_a login password 'old' in role user_service_owner",
            server.url
          )
          yield* Engines.execute("alter role user_service_a set role = 'user_service_owner'", server.url)
          yield* Engines.execute("create database user_service owner user_service_owner", server.url)
          const redis = yield* RedisServer.make({ password: "old" })
          yield* redis.start
          const { RABBITMQ_URL } = yield* Engines.rabbitmq
          const vhost = new URL(RABBITMQ_URL).pathname.slice(1)
          const [first, second] = [`a-${vhost}`, `b-${vhost}`]
          const urls = (role: string, user: string, password: string) => ({
            DATABASE_URL: `postgres://${role}:${password}@127.0.0.1:${server.port}/user_service`,
            REDIS_URL: Object.assign(new URL(redis.url), { password }).href,
            RABBITMQ_URL: Object.assign(new URL(RABBITMQ_URL), { username: user, password }).href
          })
          const secrets = (password: string) => ({
            NEW_PASSWORD: password,
            OLD_PASSWORD: "old",
            VHOST: vhost,
            PGHOST: "127.0.0.1",
            PGPORT: String(server.port),
            PGUSER: "postgres",
            REDIS_HOST: "127.0.0.1",
            REDIS_PORT: new URL(redis.url).port
          })
          yield* Guide.run("add-rabbitmq-user", { env: { ...secrets("old"), NEW_USER: first } })
          yield* Effect.addFinalizer(() =>
            Effect.forEach([first, second], (user) =>
              Effect.exit(Guide.run("delete-rabbitmq-user", { env: { ...secrets("old"), OLD_USER: user } }))
            )
          )
          const shared = { ...settings, JWT_KEYS_FILE: join(yield* Program.folder, "keys.json") }
          const old = yield* Program.start({ ...shared, ...urls("user_service_a", first, "old") })
          const person = yield* register(sender(old.url))

          const password = "new"
          yield* Guide.run("add-database-role", { env: { ...secrets(password), NEW_ROLE: "user_service_b" } })
          yield* Guide.run("add-redis-password", { env: { ...secrets(password), REDISCLI_AUTH: "old" } })
          yield* Guide.run("add-rabbitmq-user", { env: { ...secrets(password), NEW_USER: second } })
          const next = yield* Program.start({ ...shared, ...urls("user_service_b", second, password) })
          const send = sender(next.url)
          const again = yield* login(send, person)
          yield* expectAnswer(sender(old.url))(200, undefined, "GET", profile, { token: again.access })
          assert.strictEqual((yield* old.stop).code, 0)

          yield* Guide.run("drop-database-role", { env: { ...secrets(password), OLD_ROLE: "user_service_a" } })
          yield* Guide.run("remove-redis-password", { env: { ...secrets(password), REDISCLI_AUTH: password } })
          yield* Guide.run("delete-rabbitmq-user", { env: { ...secrets(password), OLD_USER: first } })
          // After a restart of each engine the program logs in again.
          yield* server.stop
          yield* server.start
          yield* redis.kill
          yield* redis.start
          yield* Guide.run("add-redis-password", { env: { ...secrets(password), REDISCLI_AUTH: "old" } })
          yield* waitUntil(
            "all engines are up",
            Effect.map(send("GET", "/health"), ({ body }) => body.data.status === "healthy")
          )
          yield* register(send)
          assert.strictEqual((yield* next.stop).code, 0)
          yield* Guide.run("delete-rabbitmq-user", { env: { ...secrets(password), OLD_USER: second } })
        }),
      180_000
    )
  }
)
