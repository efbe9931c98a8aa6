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

/** The input of a request. A body is sent as JSON, or unchanged if it is a string. */
export interface RequestInput {
  readonly body?: unknown
  readonly token?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer. `body` is the parsed JSON, or undefined if the answer has no JSON body. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Tests access answers without types, and assert what they contain.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

/** The tokens of a session. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
}

/** A registered user with their credentials and the tokens of a session. */
export interface Person extends Tokens {
  readonly email: string
  readonly password: string
  readonly id: string
}

export const goodPassword = "correct horse battery staple"

export const freshEmail = (): string => `p${randomUUID()}@example.com`

/** The service on its own port, and a client that calls it over HTTP. */
export class TestApi extends Context.Service<
  TestApi,
  {
    readonly url: string
    readonly settings: ApiSettings
    readonly send: (method: string, path: string, sent?: RequestInput) => Effect.Effect<Answer>
    /** Registers a new user; `input` overrides fields of the request. */
    readonly person: (input?: Readonly<Record<string, unknown>>) => Effect.Effect<Person>
    /** Logs the user in again, from another device. */
    readonly login: (person: Pick<Person, "email" | "password">, deviceName?: string) => Effect.Effect<Tokens>
    /** The database of the service, for states that no request can create or show. */
    readonly sql: SqlClient.SqlClient
    /** Advances the clock of the service. */
    readonly pass: (duration: Duration.Input) => Effect.Effect<void>
    /** The clock of the service. */
    readonly clock: Clock.Clock
    /** The log lines of the service so far. */
    readonly log: Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>>
  }
>()("@user-service/api/test/TestApi") {}

// Without rate limits, except in the tests of limits.
const withoutLimits = {
  RATE_LIMIT_REGISTER: "off",
  RATE_LIMIT_LOGIN_ACCOUNT: "off",
  RATE_LIMIT_LOGIN_IP: "off",
  RATE_LIMIT_REFRESH: "off",
  RATE_LIMIT_CHANGE_PASSWORD: "off",
  RATE_LIMIT_PASSWORD_RESET: "off",
  RATE_LIMIT_VERIFY_EMAIL: "off",
  RATE_LIMIT_MAIL_IP: "off",
  RATE_LIMIT_CONFIRM: "off",
  RATE_LIMIT_WRITE: "off",
  RATE_LIMIT_EXPORT: "off",
  RATE_LIMIT_AUDIT_EXPORT: "off",
  RATE_LIMIT_UNSUBSCRIBE: "off",
  RATE_LIMIT_SERVICE_KEY: "off",
  RATE_LIMIT_SERVICE_KEY_IP: "off"
}

type Environment = Readonly<Record<string, string>>

const settingsFor = (environment: Environment, dataDir: string) =>
  read.pipe(
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({
        ...withoutLimits,
        LOG_FORMAT: "json",
        PORT: "0",
        SHUTDOWN_GRACE_SECONDS: "1",
        DATA_DIR: dataDir,
        ...environment
      })
    ),
    // A lower cost than the environment allows, to keep the tests fast, and the usual priority: other programs on the machine would
    // delay each password of a test by seconds.
    Effect.map((settings): ApiSettings => {
      const cost = "BCRYPT_COST" in environment ? settings.passwords.cost : 4
      return { ...settings, passwords: { ...settings.passwords, cost, niceness: 0 } }
    })
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
      const isJson = text !== "" && /[/+]json\b/.test(answer.headers.get("content-type") ?? "")
      return { status: answer.status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : undefined }
    })

const make = (settings: ApiSettings, { clock, pass }: ServiceClock.ServiceClock, lines: ReadonlyArray<string>) =>
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
    return { url, settings, send: request, person, login, sql, pass, clock, log }
  })

type Database = Layer.Layer<SqlClient.SqlClient, SqlError.SqlError>
type Caches = Layer.Layer<Cache | RateLimits | Quotas>

const layerWith = (settings: ApiSettings, engines: { readonly database: Database; readonly caches: Caches }) =>
  Layer.unwrap(
    Effect.map(ServiceClock.make, (serviceClock) => {
      const lines: Array<string> = []
      // Lines to a terminal are not buffered.
      const output = { isTTY: true, write: (text: string) => lines.push(text) }
      return Layer.effect(TestApi, make(settings, serviceClock, lines)).pipe(
        Layer.provide(Server.layer(settings)),
        Layer.provide(Engines.layer(settings)),
        Layer.provide([engines.database, engines.caches]),
        Layer.provide(Logs.layer(settings.logs, output)),
        // Test files share a process, but not their metrics.
        Layer.provide([Layer.succeed(Clock.Clock, serviceClock.clock), Layer.succeed(Metric.MetricRegistry, new Map())])
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

/** The service on the embedded engines. `environment` overrides the environment of the tests. */
export const layerEmbedded = (environment: Environment = {}) =>
  withSettings(environment, (settings) =>
    layerWith(settings, {
      database: TestDatabase.layerPgLite,
      caches: Layer.mergeAll(Cache.layerMemory, RateLimits.layerMemory, Quotas.layerMemory)
    })
  ).pipe(Layer.provide(NodeServices.layer))

/** A database and a Redis prefix, shared by the processes of a test. */
export interface SharedEngines {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly prefix: string
  /** The timeout of a Redis command. The default is long, since the machine may be busy with other tests. */
  readonly commandTimeout?: Duration.Duration
}

/** Creates an empty database and an unused prefix, and removes them when the scope closes. */
export const freshEngines = Effect.fnUntraced(function* (databaseUrl: string, redisUrl: string) {
  return {
    databaseUrl: yield* TestDatabase.freshDatabase(databaseUrl),
    redisUrl,
    prefix: yield* TestRedis.freshPrefix(redisUrl)
  } satisfies SharedEngines
})

const redisEngines = (shared: SharedEngines) =>
  RedisEngines.layer({
    url: Redacted.make(shared.redisUrl),
    prefix: shared.prefix,
    commandTimeout: shared.commandTimeout ?? Duration.seconds(2)
  })

/** A process on the given engines. Several layers on the same engines are several processes. */
export const layerOn = (shared: SharedEngines, environment: Environment = {}, caches: Caches = redisEngines(shared)) =>
  withSettings(environment, (settings) => {
    const database = Postgres.layer(TestDatabase.settingsOf(shared.databaseUrl, 10))
    return layerWith(settings, {
      database: Layer.effectDiscard(Effect.orDie(Migrations.run)).pipe(Layer.provideMerge(database)),
      caches
    })
  }).pipe(Layer.provide(NodeServices.layer))

/** A process on PostgreSQL and Redis, with its own database and prefix. */
export const layerReal = (databaseUrl: string, redisUrl: string, environment: Environment = {}) =>
  Layer.unwrap(Effect.map(freshEngines(databaseUrl, redisUrl), (shared) => layerOn(shared, environment)))
