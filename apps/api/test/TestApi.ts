import { NodeServices } from "@effect/platform-node"
import { type ApiSettings, read } from "@user-service/api/ApiSettings"
import * as Engines from "@user-service/api/health/Engines"
import * as RedisEngines from "@user-service/api/RedisEngines"
import * as Server from "@user-service/api/Server"
import { Cache } from "@user-service/cache/Cache"
import { Quotas } from "@user-service/cache/Quotas"
import { RateLimits } from "@user-service/cache/RateLimits"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import * as Postgres from "@user-service/database/Postgres"
import * as Migrations from "@user-service/database/Migrations"
import * as Logs from "@user-service/telemetry/Logs"
import { Clock, ConfigProvider, Context, Duration, Effect, FileSystem, Layer, Metric, Redacted } from "effect"
import { HttpServer } from "effect/http"
import { SqlClient, type SqlError } from "effect/sql"
import { randomUUID } from "node:crypto"
import * as ServiceClock from "./ServiceClock.ts"

/** What is sent: a body goes as JSON, unless it is text, which goes as it is. */
export interface Sent {
  readonly body?: unknown
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What came back. `body` is the parsed JSON, undefined where there was none. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Tests reach into answers freely and say by assertions what is there.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** What a login gives. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
}

/** A person who registered, with all they need to go on. */
export interface Person extends Tokens {
  readonly email: string
  readonly password: string
  readonly id: string
}

export const goodPassword = "correct horse battery staple"

export const freshEmail = (): string => `p${randomUUID()}@example.com`

/** The service, listening on a port of its own, spoken to over HTTP as any client would. */
export class TestApi extends Context.Service<
  TestApi,
  {
    readonly url: string
    readonly settings: ApiSettings
    readonly send: (method: string, path: string, sent?: Sent) => Effect.Effect<Answer>
    /** Registers somebody new; `input` goes over what is sent. */
    readonly person: (input?: Readonly<Record<string, unknown>>) => Effect.Effect<Person>
    /** Logs the person in once more, from another device. */
    readonly login: (person: Pick<Person, "email" | "password">, deviceName?: string) => Effect.Effect<Tokens>
    /** The service's own database, for what no request can bring about or show. */
    readonly sql: SqlClient.SqlClient
    /** Lets time pass for the service, at once. */
    readonly pass: (duration: Duration.Input) => Effect.Effect<void>
    /** What the service has logged so far. */
    readonly log: Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>>
  }
>()("@user-service/api/test/TestApi") {}

// No limit stands in the way of a test that is not about limits.
const unlimited = {
  RATE_LIMIT_REGISTER: "off",
  RATE_LIMIT_LOGIN_ACCOUNT: "off",
  RATE_LIMIT_LOGIN_IP: "off",
  RATE_LIMIT_REFRESH: "off",
  RATE_LIMIT_CHANGE_PASSWORD: "off",
  RATE_LIMIT_WRITE: "off",
  RATE_LIMIT_SERVICE_KEY: "off",
  RATE_LIMIT_SERVICE_KEY_IP: "off"
}

type Environment = Readonly<Record<string, string>>

const settingsFor = (environment: Environment, dataDir: string) =>
  read.pipe(
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({
        ...unlimited,
        LOG_FORMAT: "json",
        PORT: "0",
        SHUTDOWN_GRACE_SECONDS: "1",
        DATA_DIR: dataDir,
        ...environment
      })
    ),
    // Below what the environment may ask for: what is hashed here guards nobody.
    Effect.map((settings): ApiSettings =>
      "BCRYPT_COST" in environment ? settings : { ...settings, passwords: { ...settings.passwords, cost: 4 } }
    )
  )

const send =
  (url: string): TestApi["Service"]["send"] =>
  (method, path, { body, headers = {}, token } = {}) =>
    Effect.promise(async () => {
      const answer = await fetch(url + path, {
        method,
        redirect: "manual",
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      })
      const text = await answer.text()
      const isJson = text !== "" && answer.headers.get("content-type")?.includes("json") === true
      return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined }
    })

const make = (settings: ApiSettings, pass: TestApi["Service"]["pass"], lines: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { address } = yield* HttpServer.HttpServer
    const sql = yield* SqlClient.SqlClient
    const url = HttpServer.formatAddress(address)
    const request = send(url)
    const person: TestApi["Service"]["person"] = Effect.fnUntraced(function* (input = {}) {
      const account = { email: freshEmail(), password: goodPassword, ...input }
      const { body, status } = yield* request("POST", "/api/v1/users/register/", { body: account })
      if (status !== 201) return yield* Effect.die(`Registration answered ${status}: ${JSON.stringify(body)}`)
      const { id, tokens } = body.data
      return { email: account.email, password: account.password, id, access: tokens.access, refresh: tokens.refresh }
    })
    const login: TestApi["Service"]["login"] = Effect.fnUntraced(function* ({ email, password }, deviceName) {
      const { body, status } = yield* request("POST", "/api/v1/users/login/", {
        body: { email, password, ...(deviceName === undefined ? {} : { device_name: deviceName }) }
      })
      if (status !== 200) return yield* Effect.die(`Login answered ${status}: ${JSON.stringify(body)}`)
      return { access: body.data.tokens.access, refresh: body.data.tokens.refresh }
    })
    const log = Effect.sync(() => lines.map((line): Record<string, unknown> => JSON.parse(line)))
    return { url, settings, send: request, person, login, sql, pass, log }
  })

type Database = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>
type Caches = Layer.Layer<Cache | RateLimits | Quotas>

const over = (settings: ApiSettings, engines: { readonly database: Database; readonly caches: Caches }) =>
  Layer.unwrap(
    Effect.map(ServiceClock.make, ({ clock, pass }) => {
      const lines: Array<string> = []
      // A terminal gets its lines at once.
      const output = { isTTY: true, write: (text: string) => lines.push(text) }
      return Layer.effect(TestApi, make(settings, pass, lines)).pipe(
        Layer.provide(Server.layer(settings)),
        Layer.provide(Engines.layer(settings)),
        Layer.provide([engines.database, engines.caches]),
        Layer.provide(Logs.layer(settings.logs, output)),
        // Test files share a process, but not what they count.
        Layer.provide([Layer.succeed(Clock.Clock, clock), Layer.succeed(Metric.MetricRegistry, new Map())])
      )
    })
  )

const withSettings = <A, E, R>(environment: Environment, use: (settings: ApiSettings) => Layer.Layer<A, E, R>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      return use(yield* settingsFor(environment, yield* files.makeTempDirectoryScoped()))
    })
  )

/** On the embedded engines. `environment` goes over that of the tests. */
export const layerEmbedded = (environment: Environment = {}) =>
  withSettings(environment, (settings) =>
    over(settings, {
      database: TestDatabase.layerPgLite,
      caches: Layer.mergeAll(Cache.layerMemory, RateLimits.layerMemory, Quotas.layerMemory)
    })
  ).pipe(Layer.provide(NodeServices.layer))

/** A database and a Redis prefix that processes of one test share. */
export interface Shared {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly prefix: string
  /** How long a command to Redis may take; long where absent: a machine full of tests is slow. */
  readonly commandTimeout?: Duration.Duration
}

/** Empty ones of the test's own, gone with the scope. */
export const freshEngines = Effect.fnUntraced(function* (databaseUrl: string, redisUrl: string) {
  return {
    databaseUrl: yield* TestDatabase.freshDatabase(databaseUrl),
    redisUrl,
    prefix: yield* TestRedis.freshPrefix(redisUrl)
  } satisfies Shared
})

const onRedis = (shared: Shared) =>
  RedisEngines.layer({
    url: Redacted.make(shared.redisUrl),
    prefix: shared.prefix,
    commandTimeout: shared.commandTimeout ?? Duration.seconds(2)
  })

/** One process on real engines; several over the same are as many processes. */
export const layerOn = (shared: Shared, environment: Environment = {}, caches: Caches = onRedis(shared)) =>
  withSettings(environment, (settings) => {
    const database = Postgres.layer(TestDatabase.settingsOf(shared.databaseUrl, 10))
    return over(settings, {
      database: Layer.effectDiscard(Effect.orDie(Migrations.run)).pipe(Layer.provideMerge(database)),
      caches
    })
  }).pipe(Layer.provide(NodeServices.layer))

/** One process on PostgreSQL and Redis, in a database and under a prefix of its own. */
export const layerReal = (databaseUrl: string, redisUrl: string, environment: Environment = {}) =>
  Layer.unwrap(Effect.map(freshEngines(databaseUrl, redisUrl), (shared) => layerOn(shared, environment)))
