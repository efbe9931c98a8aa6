import { assert, describe, it } from "@effect/vitest"
import { read } from "@user-service/api/ApiSettings"
import type { RateLimit } from "@user-service/domain/RateLimit"
import { ConfigProvider, Duration, Effect, Option, Redacted } from "effect"
import { IpNetwork } from "effect/net"

type Environment = Readonly<Record<string, string>>

const attempt = (environment: Environment) =>
  read.pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env: { ...environment } })),
    Effect.result
  )

const settingsOf = Effect.fnUntraced(function* (environment: Environment) {
  return yield* Effect.fromResult(yield* attempt(environment))
})

/** The message of the refusal. */
const refusalOf = (environment: Environment) =>
  Effect.flip(settingsOf(environment)).pipe(Effect.map(({ message }) => message))

/** The refusal's lines, without its first. */
const problemsOf = (environment: Environment) =>
  Effect.map(refusalOf(environment), (message) => {
    const [title, ...lines] = message.split("\n")
    assert.strictEqual(title, "The configuration is not valid:")
    return lines.map((line) => {
      assert.match(line, /^ {2}- \S/)
      return line.slice(4)
    })
  })

/** The variables the refusal names. */
const namesOf = (environment: Environment) =>
  Effect.map(problemsOf(environment), (lines) => lines.map((line) => line.split(/[: ]/)[0] ?? "").toSorted())

const strong = "Vq3uYp7xK2mT9wZ5rN8cB1dF6gH4jL0s"

const production: Environment = {
  NODE_ENV: "production",
  DATABASE_URL: "postgres://database.internal/users",
  REDIS_URL: "redis://cache.internal",
  RABBITMQ_URL: "amqp://broker.internal",
  JWT_KEYS_FILE: "/run/secrets/keys.json",
  PUBLIC_URL: "https://users.example.com"
}

describe("settings", () => {
  it.effect("an empty environment is valid", () =>
    Effect.gen(function* () {
      const settings = yield* settingsOf({})
      assert.strictEqual(settings.environment, "development")
      assert.strictEqual(settings.port, 8000)
      assert.strictEqual(settings.dataDir, ".data")
      assert.isTrue(Option.isNone(settings.database))
      assert.isTrue(Option.isNone(settings.redisUrl))
      assert.isTrue(Option.isNone(settings.rabbitmqUrl))
      assert.strictEqual(Duration.toSeconds(settings.shutdownGrace), 20)
      assert.isTrue(Duration.isZero(settings.shutdownNotice))
      assert.deepInclude(settings.tokens, { algorithm: "EdDSA", issuer: "user-service", audience: "user-service" })
      assert.deepInclude(settings.passwords, { cost: 12, queueSize: 64 })
      assert.strictEqual(settings.passwordPolicy.minLength, 8)
      assert.strictEqual(settings.pushTokens.maxTokens, 20)
      const { accessLifetime, maxLifetime, refreshGrace, refreshLifetime } = settings.sessions
      assert.deepStrictEqual([accessLifetime, refreshLifetime, maxLifetime, refreshGrace].map(Duration.toSeconds), [
        3600,
        7 * 86_400,
        90 * 86_400,
        10
      ])
      assert.deepStrictEqual([settings.cache.user, settings.cache.preferences].map(Duration.toHours), [1, 24])
      assert.deepStrictEqual(settings.edge, {
        corsOrigins: [],
        allowedHosts: [],
        trustedProxies: [],
        adminNetworks: [],
        forceHttps: false,
        metricsToken: Option.none()
      })
    })
  )

  it.effect("the default limits are those of the contract", () =>
    Effect.gen(function* () {
      const { limits } = yield* settingsOf({})
      const written = (limit: Option.Option<RateLimit>) =>
        Option.map(limit, ({ limit, window }) => [limit, Duration.toMinutes(window)])
      assert.deepStrictEqual(
        Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, Option.getOrThrow(written(limit))])),
        {
          register: [5, 60],
          loginAccount: [10, 5],
          loginIp: [100, 5],
          refresh: [30, 1],
          changePassword: [5, 15],
          passwordReset: [3, 60],
          verifyEmail: [3, 60],
          mailIp: [20, 60],
          confirm: [10, 15],
          write: [300, 1],
          export: [5, 60],
          auditExport: [5, 60],
          unsubscribe: [30, 1],
          serviceKey: [60_000, 1],
          serviceKeyIp: [100, 5]
        }
      )
    })
  )

  it.effect("a limit may have any unit, and can be off", () =>
    Effect.gen(function* () {
      const { limits } = yield* settingsOf({
        RATE_LIMIT_REGISTER: "7/30s",
        RATE_LIMIT_LOGIN_ACCOUNT: "1/2d",
        RATE_LIMIT_REFRESH: "off"
      })
      const seconds = (limit: Option.Option<RateLimit>) =>
        Option.map(limit, ({ limit, window }) => [limit, Duration.toSeconds(window)])
      assert.deepStrictEqual(Option.getOrThrow(seconds(limits.register)), [7, 30])
      assert.deepStrictEqual(Option.getOrThrow(seconds(limits.loginAccount)), [1, 172_800])
      assert.isTrue(Option.isNone(limits.refresh))
    })
  )

  it.effect("commas separate the items of a list, and a single address is a network", () =>
    Effect.gen(function* () {
      const { edge } = yield* settingsOf({
        ALLOWED_HOSTS: "a.example, .b.example,",
        CORS_ALLOWED_ORIGINS: "https://a.example,https://b.example",
        TRUSTED_PROXIES: "10.0.0.0/8, 192.0.2.1,2001:db8::/32,::1"
      })
      assert.deepStrictEqual(edge.allowedHosts, ["a.example", ".b.example"])
      assert.deepStrictEqual(edge.corsOrigins, ["https://a.example", "https://b.example"])
      assert.deepStrictEqual(edge.trustedProxies.map(IpNetwork.format), [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "2001:db8::/32",
        "::1/128"
      ])
    })
  )

  it.effect("hosts, origins and networks are accepted in any spelling", () =>
    Effect.gen(function* () {
      const { edge, host } = yield* settingsOf({
        ALLOWED_HOSTS: "API2.Example.COM, https://api3.example.com:8443/",
        CORS_ALLOWED_ORIGINS: "HTTPS://App.Example.com:443/ , capacitor://localhost",
        TRUSTED_PROXIES: "10.1.2.3/8, ::ffff:192.0.2.0/120",
        FORCE_HTTPS: "True",
        METRICS_TOKEN: "scrape me\n",
        HOST: " [::1] "
      })
      assert.deepStrictEqual(edge.allowedHosts, ["api2.example.com", "api3.example.com"])
      assert.deepStrictEqual(edge.corsOrigins, ["https://app.example.com", "capacitor://localhost"])
      assert.deepStrictEqual(edge.trustedProxies.map(IpNetwork.format), ["10.0.0.0/8", "192.0.2.0/24"])
      assert.isTrue(edge.forceHttps)
      assert.strictEqual(Redacted.value(Option.getOrThrow(edge.metricsToken)), "scrape me")
      assert.strictEqual(host, "::1")
      const any = yield* settingsOf({ CORS_ALLOWED_ORIGINS: "https://a.example,*" })
      assert.deepStrictEqual(any.edge.corsOrigins, ["*"])
    })
  )

  it.effect("a database is configured by a URL or by its parts", () =>
    Effect.gen(function* () {
      const addressOf = (environment: Environment) =>
        Effect.map(settingsOf(environment), ({ database }) => {
          const { host, password, port, user, database: name } = Option.getOrThrow(database).address
          return [host, port, name, user, password && Redacted.value(password)]
        })
      const whole = yield* addressOf({ DATABASE_URL: "postgres://u:p@h:1/n" })
      assert.deepStrictEqual(whole, ["h", 1, "n", "u", "p"])
      const parts = yield* addressOf({ DB_HOST: "h", DB_PORT: "1", DB_NAME: "n", DB_USER: "u", DB_PASSWORD: "p@/:?#" })
      assert.deepStrictEqual(parts, ["h", 1, "n", "u", "p@/:?#"])
    })
  )
})

describe("settings that are wrong", () => {
  const wrong: Environment = {
    NODE_ENV: "prod",
    PORT: "eight thousand",
    WORKERS: "0",
    SHUTDOWN_GRACE_SECONDS: "-1",
    SHUTDOWN_NOTICE_SECONDS: "-1",
    DATABASE_URL: "mysql://u:CANARY@h/n",
    DATABASE_DIRECT_URL: "postgres://u:CANARY@h1,h2/n",
    DATABASE_PREPARED_STATEMENTS: "seldom",
    DB_HOST: "h:5432",
    DB_POOL_SIZE: "none",
    REDIS_URL: "http://u:CANARY@h",
    RABBITMQ_URL: "http://u:CANARY@h",
    LOG_LEVEL: "loud",
    LOG_FORMAT: "xml",
    OTEL_EXPORTER_OTLP_ENDPOINT: "nowhere",
    OTEL_TRACES_SAMPLER_ARG: "2",
    JWT_ALGORITHM: "none",
    BCRYPT_COST: "4",
    HASH_QUEUE_SIZE: "0",
    PASSWORD_MIN_LENGTH: "0",
    ACCESS_TOKEN_LIFETIME_MINUTES: "0",
    REFRESH_TOKEN_LIFETIME_DAYS: "a week",
    SESSION_MAX_DAYS: "1.5",
    REFRESH_GRACE_SECONDS: "-1",
    RATE_LIMIT_REGISTER: "5",
    RATE_LIMIT_LOGIN_ACCOUNT: "0/5m",
    RATE_LIMIT_LOGIN_IP: "5/m",
    RATE_LIMIT_REFRESH: "5/5w",
    RATE_LIMIT_CHANGE_PASSWORD: "on",
    RATE_LIMIT_SERVICE_KEY: "many",
    RATE_LIMIT_SERVICE_KEY_IP: "1",
    SERVICE_API_KEYS: "gateway:CANARY,gateway:CANARY",
    CACHE_TTL_USER: "long",
    CACHE_TTL_PROFILE: "longer",
    CACHE_TTL_PREFERENCES: "longest",
    MAX_PUSH_TOKENS: "0",
    TRUSTED_PROXIES: "CANARY@10.0.0.0/33",
    FORCE_HTTPS: "maybe",
    HOST: "a b",
    ALLOWED_HOSTS: "\u001b[31mCANARY",
    CORS_ALLOWED_ORIGINS: "https://u:CANARY@app.example.com",
    METRICS_TOKEN: "CANARY\nX"
  }

  it.effect("are all named once in one message, without any secret", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* namesOf(wrong), Object.keys(wrong).toSorted())
      assert.notInclude(yield* refusalOf(wrong), "CANARY")
    })
  )

  it.effect("are named one by one if only one is wrong", () =>
    Effect.gen(function* () {
      for (const [name, value] of Object.entries(wrong)) {
        assert.deepStrictEqual(yield* namesOf({ [name]: value }), [name])
      }
    })
  )

  it.effect("are reported with the expected form", () =>
    Effect.gen(function* () {
      const lines = yield* problemsOf({
        PORT: "70000",
        RATE_LIMIT_REGISTER: "often",
        TRUSTED_PROXIES: "proxy.internal",
        ALLOWED_HOSTS: "a.example,*.example.com",
        CORS_ALLOWED_ORIGINS: ", ,",
        METRICS_TOKEN: "t\u00f6ken",
        HOST: "localhost:80",
        DATABASE_URL: "users"
      })
      assert.sameMembers(lines, [
        "PORT: Expected a value between 0 and 65535",
        `RATE_LIMIT_REGISTER: must be "off" or a limit such as "10/5m", in s, m, h or d, of 36500d at most`,
        "TRUSTED_PROXIES: item 1 is not a network such as 10.0.0.0/8",
        "ALLOWED_HOSTS: item 2 is not a host name such as users.example.com or .example.com",
        "CORS_ALLOWED_ORIGINS: contains no items",
        "METRICS_TOKEN: must be of printable ASCII characters",
        "HOST: must be without a port, which has a variable of its own",
        "DATABASE_URL: must be postgres://user:password@host:port/name"
      ])
    })
  )

  it.effect("are refused if they are too large for their use", () =>
    Effect.gen(function* () {
      const largest = {
        ACCESS_TOKEN_LIFETIME_MINUTES: 36_500 * 1440,
        REFRESH_TOKEN_LIFETIME_DAYS: 36_500,
        SESSION_MAX_DAYS: 36_500,
        REFRESH_GRACE_SECONDS: 36_500 * 86_400,
        MAX_SESSIONS: 1_000_000,
        MAX_PUSH_TOKENS: 1_000_000,
        DB_POOL_SIZE: 262_143,
        SHUTDOWN_GRACE_SECONDS: 86_400
      }
      for (const [name, value] of Object.entries(largest)) {
        yield* settingsOf({ [name]: String(value) })
        const [line = ""] = yield* problemsOf({ [name]: String(value + 1) })
        assert.match(line, new RegExp(`^${name}: Expected a value between \\d+ and ${value}$`))
      }
      assert.deepStrictEqual(yield* problemsOf({ CACHE_TTL_USER: "36501d" }), [
        "CACHE_TTL_USER: must be 36500d at most"
      ])
    })
  )

  it.effect("an engine's port is not 0", () =>
    Effect.gen(function* () {
      const urls = {
        DATABASE_URL: "postgres://u@h:0/n",
        DB_PORT: "0",
        REDIS_URL: "redis://h:0",
        RABBITMQ_URL: "amqp://h:0",
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://h:0"
      }
      for (const [name, value] of Object.entries(urls)) {
        assert.deepStrictEqual(yield* namesOf({ DB_HOST: "h", [name]: value }), [name])
      }
    })
  )

  it.effect("DATABASE_DIRECT_URL without DATABASE_URL is refused", () =>
    Effect.gen(function* () {
      const DATABASE_DIRECT_URL = "postgres://u@h/n"
      assert.deepStrictEqual(yield* problemsOf({ DATABASE_DIRECT_URL }), [
        "DATABASE_DIRECT_URL: needs a valid DATABASE_URL (or DB_HOST) beside it"
      ])
      yield* settingsOf({ DATABASE_DIRECT_URL, DB_HOST: "h" })
    })
  )

  it.effect("a wrong part of the database's address is named by its variable", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* namesOf({ DB_HOST: "h", DB_PORT: "x" }), ["DB_PORT"])
    })
  )

  it.effect("HS256 requires its secret", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ JWT_ALGORITHM: "HS256" }), ["SECRET_KEY: required"])
      assert.deepStrictEqual(yield* problemsOf({ JWT_ALGORITHM: "HS256", SECRET_KEY: "", BCRYPT_COST: "x" }), [
        "SECRET_KEY: required",
        "BCRYPT_COST: Expected a string representing a finite number"
      ])
    })
  )

  it.effect("an empty variable counts as absent", () =>
    Effect.gen(function* () {
      const empty = Object.fromEntries(Object.keys(wrong).map((name) => [name, ""]))
      const settings = yield* settingsOf(empty)
      assert.strictEqual(settings.port, 8000)
      assert.isTrue(Option.isNone(settings.database))
    })
  )
})

describe("settings in production", () => {
  it.effect("are valid with every engine and a key file", () =>
    Effect.gen(function* () {
      const settings = yield* settingsOf(production)
      assert.strictEqual(settings.environment, "production")
      assert.deepStrictEqual(settings.keys, { path: "/run/secrets/keys.json", named: true })
      yield* settingsOf({ ...production, JWT_ALGORITHM: "HS256", SECRET_KEY: strong })
    })
  )

  it.effect("accept nothing embedded or generated, and name all missing settings at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* problemsOf({ NODE_ENV: "production" }), [
        "DATABASE_URL (or DB_HOST): required in production",
        "REDIS_URL: required in production",
        "RABBITMQ_URL: required in production",
        "JWT_KEYS_FILE: required in production",
        "PUBLIC_URL: required in production"
      ])
    })
  )

  it.effect("each missing one is named", () =>
    Effect.gen(function* () {
      for (const name of ["DATABASE_URL", "REDIS_URL", "RABBITMQ_URL", "JWT_KEYS_FILE", "PUBLIC_URL"]) {
        const { [name]: _, ...others } = production
        assert.deepStrictEqual(yield* namesOf(others), [name])
      }
      const { DATABASE_URL: _, ...others } = production
      yield* settingsOf({ ...others, DB_HOST: "database.internal" })
    })
  )

  it.effect("a weak or known secret is refused with the reason, and not repeated", () =>
    Effect.gen(function* () {
      const cases: ReadonlyArray<readonly [secret: string, reason: string]> = [
        ["short-CANARY", "must have at least 32 bytes"],
        ["django-insecure-CANARY-0123456789abcdefghij", "is a known default"],
        ["please-change-me-CANARY-0123456789abcdef", "is a known default"],
        ["your-secret-key-CANARY-0123456789abcdefgh", "is a known default"],
        ["abababababababababababababababababababab", "repeats a few characters"]
      ]
      for (const [SECRET_KEY, reason] of cases) {
        for (const JWT_ALGORITHM of ["HS256", "EdDSA"]) {
          const environment = { ...production, JWT_ALGORITHM, SECRET_KEY }
          assert.deepStrictEqual(yield* problemsOf(environment), [`SECRET_KEY: ${reason}`])
          assert.notInclude(yield* refusalOf(environment), SECRET_KEY)
        }
      }
    })
  )

  it.effect("a weak service key is refused by its name, and not repeated", () =>
    Effect.gen(function* () {
      const environment = {
        ...production,
        SERVICE_API_KEYS: `gateway:CANARY,sender:${strong},mailer:change-me-${strong}`
      }
      assert.deepStrictEqual(yield* problemsOf(environment), [
        "SERVICE_API_KEYS: the key of gateway must have at least 32 bytes; the key of mailer is a known default"
      ])
      yield* settingsOf({ ...production, SERVICE_API_KEYS: `sender:${strong}` })
      yield* settingsOf({ SERVICE_API_KEYS: "gateway:short" })
    })
  )

  it.effect("links in mails require TLS, and consist of a server and a path", () =>
    Effect.gen(function* () {
      const refused = (PUBLIC_URL: string) => problemsOf({ ...production, PUBLIC_URL })
      assert.deepStrictEqual(yield* refused("http://users.example.com"), [
        "PUBLIC_URL: must be an https:// URL in production"
      ])
      for (const url of [
        "users.example.com",
        "ftp://x",
        "https://a:b@x",
        "https://x/?q",
        "https://x/#f",
        "https://x:0"
      ]) {
        assert.deepStrictEqual(yield* namesOf({ ...production, PUBLIC_URL: url }), ["PUBLIC_URL"], url)
      }
      const { publicUrl } = yield* settingsOf({ ...production, PUBLIC_URL: "https://Users.example.com/api/" })
      assert.strictEqual(publicUrl.url, "https://users.example.com/api")
      assert.strictEqual((yield* settingsOf({ PORT: "8123" })).publicUrl.url, "http://localhost:8123")
    })
  )

  it.effect("links in mails lead to a host that is served", () =>
    Effect.gen(function* () {
      const refused = (ALLOWED_HOSTS: string, PUBLIC_URL = "https://users.example.com/api") =>
        problemsOf({ PUBLIC_URL, ALLOWED_HOSTS })
      const problem =
        "PUBLIC_URL: ALLOWED_HOSTS does not name its host, so this service would refuse every link in a mail"
      for (const hosts of ["api.example.com", "example.com,127.0.0.1", ".users.example.org"]) {
        assert.deepStrictEqual(yield* refused(hosts), [problem], hosts)
      }
      assert.deepStrictEqual(yield* problemsOf({ ...production, ALLOWED_HOSTS: "api.example.com" }), [problem])
      for (const hosts of ["USERS.example.com:8443", "a.example,.example.com", "*", ""]) {
        yield* settingsOf({ PUBLIC_URL: "https://users.example.com/api", ALLOWED_HOSTS: hosts })
      }
      yield* settingsOf({ PUBLIC_URL: "https://b\u00fccher.example", ALLOWED_HOSTS: "b\u00fccher.example" })
      yield* settingsOf({ PUBLIC_URL: "http://[::1]:8000", ALLOWED_HOSTS: "[::1]" })
      // Without PUBLIC_URL, links lead to this machine.
      yield* settingsOf({ ALLOWED_HOSTS: "api.example.com" })
    })
  )

  it.effect("a weak metrics token is refused, and not repeated", () =>
    Effect.gen(function* () {
      const refused = (METRICS_TOKEN: string) => problemsOf({ ...production, METRICS_TOKEN })
      assert.deepStrictEqual(yield* refused("short"), ["METRICS_TOKEN: must have at least 32 bytes"])
      assert.deepStrictEqual(yield* refused(`change-me-${strong}`), ["METRICS_TOKEN: is a known default"])
      yield* settingsOf({ ...production, METRICS_TOKEN: strong })
      yield* settingsOf({ METRICS_TOKEN: "short" })
    })
  )

  it.effect("a weak secret is accepted outside production", () =>
    Effect.gen(function* () {
      yield* settingsOf({ JWT_ALGORITHM: "HS256", SECRET_KEY: "short" })
    })
  )

  it.effect("wrong and missing settings are reported together", () =>
    Effect.gen(function* () {
      const environment = { NODE_ENV: "production", PORT: "x", REDIS_URL: "x", SECRET_KEY: "x", JWT_ALGORITHM: "HS256" }
      assert.deepStrictEqual(yield* namesOf(environment), [
        "DATABASE_URL",
        "JWT_KEYS_FILE",
        "PORT",
        "PUBLIC_URL",
        "RABBITMQ_URL",
        "REDIS_URL",
        "SECRET_KEY"
      ])
      assert.deepStrictEqual(yield* namesOf({ ...production, JWT_ALGORITHM: "HS256", HASH_QUEUE_SIZE: "x" }), [
        "HASH_QUEUE_SIZE",
        "SECRET_KEY"
      ])
    })
  )
})
