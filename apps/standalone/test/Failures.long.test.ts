import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { join } from "node:path"
import { expectAnswer, sender } from "./Http.ts"
import * as Program from "./Program.ts"
import { UsedFolder } from "./UsedFolder.ts"

// A secret that no output may contain.
const secret = "s3cret-that-nobody-may-see"

/** Asserts that the program refused to start, with only this message on standard error and only log lines elsewhere. */
const assertRefused = ({ code, stderr, stdout }: Program.ProgramResult, message: string) => {
  assert.deepStrictEqual({ stderr, code }, { stderr: `${message}\n`, code: 1 })
  assert.notInclude(stdout + stderr, secret)
  assert.notMatch(stdout + stderr, /^\s+at /m, "no stack trace")
}

const refuses = (environment: Program.Environment, message: string, app?: "standalone" | "api") =>
  Effect.map(Program.run(environment, app), (ended) => assertRefused(ended, message))

/** A server that accepts connections and never answers. */
const silentPort = Effect.map(
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      // Keep reading, to notice when the client disconnects.
      const server = createServer((socket) => socket.resume().on("error", () => socket.destroy()))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
      })
  ),
  (server) => {
    const address = server.address()
    return address === null || typeof address === "string" ? assert.fail("No port") : address.port
  }
)

// A port on which no machine of the tests listens.
const closed = "127.0.0.1:1"

const unusable = {
  database: (variable: string) => `PostgreSQL cannot be used as ${variable} says:`,
  cache: "Redis cannot be used as REDIS_URL says:",
  broker: "RabbitMQ cannot be used as RABBITMQ_URL says:"
}

const claims = (path: string) => readdirSync(path).filter((name) => name.endsWith(".pid"))

const timeout = 60_000

describe("a program that cannot start says why in one message and ends with 1", () => {
  it.live(
    "names all wrong variables at once, without their values",
    () =>
      Effect.gen(function* () {
        const wrong = {
          NODE_ENV: "staging",
          PORT: "70000",
          WORKERS: "many",
          SHUTDOWN_GRACE_SECONDS: "-1",
          DB_POOL_SIZE: "0",
          REDIS_URL: `http://user:${secret}@127.0.0.1`,
          LOG_LEVEL: "loud",
          LOG_FORMAT: "xml",
          JWT_ALGORITHM: "none",
          BCRYPT_COST: "4",
          PASSWORD_MIN_LENGTH: "x",
          RATE_LIMIT_LOGIN_IP: "often",
          TRUSTED_PROXIES: "everyone",
          FORCE_HTTPS: "maybe",
          CACHE_TTL_USER: "a while"
        }
        const { code, stderr, stdout } = yield* Program.run(wrong)
        assert.deepStrictEqual({ code, stdout }, { code: 1, stdout: "" })
        const [head, ...lines] = stderr.trimEnd().split("\n")
        assert.strictEqual(head, "The configuration is not valid:")
        const named = lines.map((line) => /^ {2}- (\w+): \S/.exec(line)?.[1] ?? line)
        assert.sameMembers([...new Set(named)], Object.keys(wrong))
        assert.notInclude(stderr, secret)
      }),
    timeout
  )

  it.live(
    "refuses embedded engines, generated keys and a weak secret in production",
    () =>
      refuses(
        { NODE_ENV: "production", SECRET_KEY: secret.slice(0, 20) },
        [
          "The configuration is not valid:",
          "  - DATABASE_URL (or DB_HOST): required in production",
          "  - REDIS_URL: required in production",
          "  - RABBITMQ_URL: required in production",
          "  - JWT_KEYS_FILE: required in production",
          "  - PUBLIC_URL: required in production",
          "  - SECRET_KEY: must have at least 32 bytes"
        ].join("\n")
      ),
    timeout
  )

  it.live(
    "requires the engines that its processes share, for the API",
    () =>
      Effect.gen(function* () {
        const required = (...variables: ReadonlyArray<string>) =>
          [
            "The configuration is not valid:",
            ...variables.map((name) => `  - ${name}: required, as other processes share it; \`npm start\` needs none`)
          ].join("\n")
        yield* refuses({}, required("DATABASE_URL (or DB_HOST)", "REDIS_URL"), "api")
        yield* refuses({ DATABASE_URL: `postgres://${closed}/x` }, required("REDIS_URL"), "api")
      }),
    timeout
  )

  it.live(
    "names an unreachable database",
    () =>
      Effect.gen(function* () {
        const nobody = `nothing listens there (connect ECONNREFUSED ${closed})`
        yield* refuses(
          { DATABASE_URL: `postgres://user:${secret}@${closed}/x` },
          `${unusable.database("DATABASE_URL")} ${nobody}`
        )
        yield* refuses(
          { DB_HOST: "127.0.0.1", DB_PORT: "1", DB_PASSWORD: secret },
          `${unusable.database("DB_HOST")} ${nobody}`
        )
      }),
    120_000
  )

  it.live(
    "names a database that accepts the connection and never answers",
    () =>
      Effect.gen(function* () {
        const port = yield* silentPort
        yield* refuses(
          { DATABASE_URL: `postgres://user:${secret}@127.0.0.1:${port}/x` },
          `${unusable.database("DATABASE_URL")} no answer in time from 127.0.0.1:${port}`
        )
      }),
    timeout
  )

  it.live(
    "names a DATA_DIR that is no folder, with the system's reason",
    () =>
      Effect.gen(function* () {
        const path = join(yield* Program.folder, "file")
        writeFileSync(path, "")
        yield* refuses(
          { DATA_DIR: path },
          `DATA_DIR ${path} cannot be used: EEXIST: file already exists, mkdir '${path}'`
        )
      }),
    timeout
  )

  it.layer(UsedFolder.layer, { excludeTestServices: true, timeout: 90_000 })((it) => {
    it.effect(
      "names an unreachable Redis or RabbitMQ, with the reason",
      () =>
        Effect.gen(function* () {
          const refused = `nothing listens there (connect ECONNREFUSED ${closed})`
          yield* refusesOnUsed({ REDIS_URL: `redis://:${secret}@${closed}` }, `${unusable.cache} ${refused}`)
          yield* refusesOnUsed({ RABBITMQ_URL: `amqp://user:${secret}@${closed}` }, `${unusable.broker} ${refused}`)
          const silent = { REDIS_URL: `redis://:${secret}@127.0.0.1:${yield* silentPort}` }
          yield* refusesOnUsed(silent, `${unusable.cache} no answer in time`)
        }),
      180_000
    )

    it.effect(
      "names a port in use",
      () =>
        Effect.gen(function* () {
          const port = yield* silentPort
          yield* refuses(
            { DATA_DIR: yield* UsedFolder, PORT: String(port) },
            `Port ${port} is in use: set PORT to another`
          )
        }),
      timeout
    )

    it.effect(
      "names an address of another machine",
      () =>
        refusesOnUsed(
          { HOST: "192.0.2.1" },
          "Cannot listen where HOST and PORT say: listen EADDRNOTAVAIL: address not available 192.0.2.1"
        ),
      timeout
    )

    it.effect(
      "names an invalid key file, without its content",
      () =>
        Effect.gen(function* () {
          const path = join(yield* Program.folder, "keys.json")
          writeFileSync(path, `{"access": "${secret}"`)
          yield* refusesOnUsed(
            { JWT_KEYS_FILE: path },
            `The key file ${path} (JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR) is not a key set`
          )
        }),
      timeout
    )

    it.effect(
      "a second program on a DATA_DIR is refused under the first one's number, and the first goes on",
      () =>
        Effect.gen(function* () {
          const DATA_DIR = yield* UsedFolder
          const first = yield* Program.start({ DATA_DIR })
          yield* refuses({ DATA_DIR }, `DATA_DIR ${DATA_DIR} is in use by process ${first.pid}`)
          yield* expectAnswer(sender(first.url))(200, undefined, "GET", "/health/ready")
          assert.deepStrictEqual(claims(DATA_DIR), [`process-${first.pid}.pid`])
        }),
      90_000
    )

    it.effect(
      "what a killed program left behind is taken over, and nothing is left by one that stopped",
      () =>
        Effect.gen(function* () {
          const DATA_DIR = yield* UsedFolder
          const killed = yield* Program.start({ DATA_DIR })
          yield* killed.kill
          assert.deepStrictEqual(claims(DATA_DIR), [`process-${killed.pid}.pid`])
          const next = yield* Program.start({ DATA_DIR })
          assert.deepStrictEqual(claims(DATA_DIR), [`process-${next.pid}.pid`])
          yield* next.stop
          assert.deepStrictEqual(claims(DATA_DIR), [])
        }),
      120_000
    )
  })
})

const refusesOnUsed = (environment: Program.Environment, message: string) =>
  Effect.flatMap(UsedFolder, (DATA_DIR) => refuses({ DATA_DIR, ...environment }, message))
