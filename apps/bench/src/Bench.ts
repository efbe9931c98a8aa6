import { Context, Effect, Layer, type Option } from "effect"
import { Redis } from "ioredis"
import { createHmac, randomUUID } from "node:crypto"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Client } from "pg"
import { assertLoopback } from "./load/Loopback.ts"
import * as Processes from "./Processes.ts"
import { registerUsers, type BenchUser } from "./Users.ts"

/** The engines, and the durations of the measurements. */
export interface BenchSettings {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly rabbitmqUrl: string
  readonly rounds: number
  readonly seconds: number
  /** The bundle of the API of another checkout, for the measure `against`. */
  readonly against: Option.Option<string>
  /** How often the measure `against` starts both builds. */
  readonly starts: number
}

/** A service on a new database, with registered users. */
export interface RunningService {
  readonly databaseUrl: string
  readonly environment: Readonly<Record<string, string>>
  readonly service: Processes.ServerProcess
  readonly users: ReadonlyArray<BenchUser>
}

/** The service and the floor, running on the same engines, and users that exist on both. */
export class Bench extends Context.Service<
  Bench,
  BenchSettings &
    RunningService & {
      readonly floor: Processes.ServerProcess
      /** A token of the floor for a user. */
      readonly floorToken: (user: BenchUser) => string
      readonly serviceScript: string
      /** A key for the internal API and `/rpc` of the service. */
      readonly serviceKey: string
    }
>()("@user-service/bench/Bench") {
  static readonly layer = (settings: BenchSettings) => Layer.effect(Bench, make(settings))
}

// So many that no user exceeds the write limit: half of them write, some 2,500 times a second in every other turn, which is
// 150 times a minute for each.
const defaultUserCount = 1000
const serviceKey = "bench-Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

const floorSecret = "a secret of the floor's, for the length of a run"

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

const floorToken = (user: BenchUser): string => {
  const signed = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url({ sub: user.id, exp: 4_102_444_800 })}`
  return `${signed}.${createHmac("sha256", floorSecret).update(signed).digest("base64url")}`
}

const onServer = async (url: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

/** Connects to a database. The connection closes with the scope. */
export const connect = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = new Client({ connectionString: url })
      await client.connect()
      return client
    }),
    (client) => Effect.promise(() => client.end())
  )

/** Creates a database and drops it when the scope closes. */
export const freshDatabase = (url: string) => {
  const name = `bench_${randomUUID().replaceAll("-", "")}`
  const own = new URL(url)
  own.pathname = `/${name}`
  return Effect.acquireRelease(
    Effect.promise(() => onServer(url, `create database ${name}`)),
    () => Effect.promise(() => onServer(url, `drop database if exists ${name} with (force)`))
  ).pipe(Effect.as(own.href))
}

/** Creates an empty folder and removes it when the scope closes. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "bench-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

// Stores the profile responses of the service in Redis, from which the floor answers.
const fillFloor = (redisUrl: string, service: URL, users: ReadonlyArray<BenchUser>) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const redis = new Redis(redisUrl)
      await Promise.all(
        users.map(async (user) => {
          const answer = await fetch(new URL("/api/v1/users/profile/", service), {
            headers: { authorization: `Bearer ${user.access}` }
          })
          await redis.set(`floor:${user.id}`, await answer.text())
        })
      )
      return redis
    }),
    (redis) =>
      Effect.promise(async () => {
        await redis.del(users.map((user) => `floor:${user.id}`))
        redis.disconnect()
      })
  )

/** Starts an API by the path of its script, on a new database. Both end with the scope. */
export const startService = Effect.fnUntraced(function* (
  script: string,
  settings: BenchSettings,
  options: { readonly userCount?: number; readonly environment?: Readonly<Record<string, string>> } = {}
) {
  const databaseUrl = yield* freshDatabase(settings.databaseUrl)
  const environment = {
    NODE_ENV: "development",
    DATA_DIR: yield* temporaryFolder,
    DATABASE_URL: databaseUrl,
    REDIS_URL: settings.redisUrl,
    RABBITMQ_URL: settings.rabbitmqUrl,
    BCRYPT_COST: "10",
    LOG_FORMAT: "json",
    SERVICE_API_KEYS: `bench:${serviceKey}`,
    ...Object.fromEntries(
      ["REGISTER", "LOGIN_ACCOUNT", "LOGIN_IP", "REFRESH", "CHANGE_PASSWORD", "SERVICE_KEY"].map((limit) => [
        `RATE_LIMIT_${limit}`,
        "off"
      ])
    ),
    ...options.environment
  }
  const service = yield* Processes.start({ what: script, script, environment, readyPath: "/health/ready" })
  const users = yield* registerUsers(service.url, options.userCount ?? defaultUserCount)
  return { databaseUrl, environment, service, users } satisfies RunningService
})

const make = Effect.fnUntraced(function* (settings: BenchSettings) {
  for (const url of [settings.databaseUrl, settings.redisUrl, settings.rabbitmqUrl]) assertLoopback(new URL(url))
  const serviceScript = join(import.meta.dirname, "../../api/bundle/main.js")
  const running = yield* startService(serviceScript, settings)
  yield* fillFloor(settings.redisUrl, running.service.url, running.users)
  const floor = yield* Processes.start({
    what: "The floor",
    script: join(import.meta.dirname, "floor/main.ts"),
    environment: { DATABASE_URL: running.databaseUrl, REDIS_URL: settings.redisUrl, FLOOR_SECRET: floorSecret },
    readyPath: "/ready"
  })
  return { ...settings, ...running, floor, floorToken, serviceScript, serviceKey }
})
