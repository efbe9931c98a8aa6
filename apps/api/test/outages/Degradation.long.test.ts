import { commandTimeout } from "@user-service/cache/RedisConnection"
import { assert, describe, it } from "@effect/vitest"
import * as Relay from "@user-service/database/testing/Relay"
import { waitUntil } from "@user-service/database/testing/WaitUntil"
import { Context, Duration, Effect, Layer } from "effect"
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { inject } from "vitest"
import { gatewayKey } from "../service-side/Callers.ts"
import { linksTo, oneClick, pathOf, withLinks } from "../unsubscribe/Links.ts"
import { type Answer, freshEmail, freshEngines, goodPassword, layerOn, type Person, TestApi } from "../TestApi.ts"

const [databaseUrl, redisUrl, rabbitmqUrl] = [inject("databaseUrl"), inject("redisUrl"), inject("rabbitmqUrl")]

const users = "/api/v1/users"

type Api = TestApi["Service"]
type Request = (api: Api, person: Person) => Effect.Effect<Answer>

const read =
  (path: string): Request =>
  ({ send }, { access }) =>
    send("GET", `${users}${path}`, { token: access })

const write =
  (method: string, path: string, body?: (person: Person) => unknown): Request =>
  ({ send }, person) =>
    send(method, `${users}${path}`, { token: person.access, body: body?.(person) })

const open =
  (path: string, body: (person: Person) => unknown): Request =>
  ({ send }, person) =>
    send("POST", `${users}${path}`, { body: body(person) })

const internal =
  (method: string, path: (person: Person) => string, body?: (person: Person) => unknown): Request =>
  ({ send }, person) =>
    send(method, `/internal/v1${path(person)}`, { headers: { "x-api-key": gatewayKey }, body: body?.(person) })

const plain =
  (path: string): Request =>
  ({ send }) =>
    send("GET", path)

const pagesGroup = "Unsubscribe links and pages"

/** The links to each person of that group, made while all engines worked. */
const linksOf = new Map<string, Effect.Success<ReturnType<typeof linksTo>>>()

const link =
  (name: "url" | "manage_url", method: string, options: object = {}): Request =>
  ({ send }, { id }) =>
    send(method, pathOf(linksOf.get(id)?.[name] ?? ""), options)

const newAccount = () => ({ email: freshEmail(), password: goodPassword })
const newPassword = "an analytical engine weaves patterns"

const states = ["PostgreSQL down", "PostgreSQL slow", "Redis down", "Redis slow", "RabbitMQ down", "RabbitMQ slow"]

/** The requests of each row of the table. */
const groups: Readonly<Record<string, ReadonlyArray<Request>>> = {
  "Liveness, metrics, documents, JWKS": [
    plain("/health/live"),
    plain("/health"),
    plain("/metrics"),
    plain("/api/schema"),
    plain("/.well-known/jwks.json")
  ],
  Readiness: [plain("/health/ready")],
  Registration: [
    open("/register/", newAccount),
    ({ send }) =>
      send("POST", `${users}/register/`, { body: newAccount(), headers: { "idempotency-key": randomUUID() } })
  ],
  Login: [open("/login/", ({ email, password }) => ({ email, password }))],
  "Token refresh": [open("/token/refresh/", ({ refresh }) => ({ refresh }))],
  "Token check": [open("/token/verify/", ({ access }) => ({ token: access }))],
  "Profile and preferences, not cached": [read("/profile/"), read("/preferences/")],
  "Profile and preferences, cached": [read("/profile/"), read("/preferences/")],
  "Lists and export": [
    read("/sessions/"),
    read("/push-tokens/"),
    read("/notifications/"),
    read("/preferences/history/"),
    read("/export/")
  ],
  "Writes of a user": [
    write("PATCH", "/profile/", () => ({ profile: { bio: randomUUID() } })),
    write("PATCH", "/preferences/", () => ({ frequency_limit: 7 })),
    write("POST", "/push-tokens/", () => ({ token: randomUUID(), platform: "android" })),
    write("POST", "/push-tokens/deactivate_all/")
  ],
  "Password change": [
    write("POST", "/change-password/", ({ password }) => ({
      old_password: password,
      new_password: newPassword,
      new_password_confirm: newPassword
    }))
  ],
  "Recovery and verification": [
    open("/password-reset/", ({ email }) => ({ email })),
    write("POST", "/verify-email/"),
    write("POST", "/change-email/", ({ password }) => ({ new_email: freshEmail(), password }))
  ],
  Erasure: [write("DELETE", "/profile/", ({ password }) => ({ password }))],
  Logout: [write("POST", "/logout/"), write("POST", "/logout-all/")],
  Introspection: [
    internal(
      "POST",
      () => "/tokens/introspect",
      ({ access }) => ({ token: access })
    )
  ],
  "Users and preferences of the service side, cached": [
    internal("GET", ({ id }) => `/users/${id}`),
    internal(
      "POST",
      () => "/users/batch",
      ({ id }) => ({ user_ids: [id] })
    ),
    internal("GET", ({ id }) => `/users/${id}/preferences`)
  ],
  "Push tokens of the service side": [internal("GET", ({ id }) => `/users/${id}/push-tokens`)],
  [pagesGroup]: [
    link("url", "GET"),
    link("url", "POST", oneClick),
    link("manage_url", "GET"),
    link("manage_url", "POST", { ...oneClick, body: "action=save&version=1" })
  ],
  Deliveries: [
    internal(
      "POST",
      () => "/deliveries/resolve",
      ({ id }) => ({
        deliveries: [{ notification_id: randomUUID(), user_id: id, channel: "email", category: "transactional" }]
      })
    ),
    internal(
      "POST",
      () => "/deliveries/status",
      () => ({
        statuses: [{ notification_id: randomUUID(), status: "delivered" }]
      })
    )
  ]
}

const groupsThatCache = /, cached$|^Token check$|^Introspection$/

interface Row {
  readonly group: string
  /** By state. A cell begins with `works` or `503`. */
  readonly cells: Readonly<Record<string, string>>
}

/** The table in the README of this app. */
const table = (): ReadonlyArray<Row> => {
  const [, section = ""] = readFileSync(new URL("../../README.md", import.meta.url), "utf8").split("## Degradation\n")
  const lines = section.split("\n\n").find((paragraph) => paragraph.startsWith("|")) ?? assert.fail()
  const [head = [], , ...rows] = lines.split("\n").map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim())
  )
  return rows.map(([group = "", ...cells]) => ({
    group,
    cells: Object.fromEntries(cells.map((cell, index) => [head[index + 1] ?? "", cell]))
  }))
}

const assertCell = (group: string, cell: string, answer: Answer, millis: number, isSlow: boolean): void => {
  const told = `${answer.status} ${answer.text}`
  if (cell.startsWith("works")) assert.include([200, 201, 202, 204], answer.status, told)
  else {
    assert.isTrue(cell.startsWith("503"), cell)
    assert.strictEqual(answer.status, 503, told)
    if (group === pagesGroup) assert.include(told, "<h1>Please try again soon</h1>")
    else assert.strictEqual(answer.body?.code, "service_unavailable", told)
    assert.isNotNull(answer.headers.get("retry-after"))
  }
  // The deadline of a request, see Edge. Engines that are down refuse at once, a busy machine aside.
  assert.isBelow(millis, isSlow ? 20_000 : 3000, told)
}

describe.skipIf([databaseUrl, redisUrl, rabbitmqUrl].includes(""))("the table of degradation in the README", () => {
  it("has every group of routes in every state", () => {
    assert.deepStrictEqual(
      table().map(({ group }) => group),
      Object.keys(groups)
    )
    for (const { cells, group } of table()) {
      assert.deepStrictEqual(Object.keys(cells), states, group)
      for (const cell of Object.values(cells)) assert.match(cell, /^(works|503)/)
    }
  })

  it.live.each(states)(
    "is what the service does: %s",
    (state) =>
      Effect.gen(function* () {
        const shared = yield* freshEngines(databaseUrl, redisUrl)
        const engines = {
          PostgreSQL: yield* Relay.make(shared.databaseUrl),
          Redis: yield* Relay.make(redisUrl),
          RabbitMQ: yield* Relay.make(rabbitmqUrl)
        }
        const service = layerOn(
          { ...shared, databaseUrl: engines.PostgreSQL.url, redisUrl: engines.Redis.url, commandTimeout },
          { RABBITMQ_URL: engines.RabbitMQ.url, ...withLinks }
        )
        const api = Context.get(yield* Layer.build(service), TestApi)
        const requests = Object.entries(groups).flatMap(([group, requests]) =>
          requests.map((request) => ({ group, request }))
        )
        const prepared = yield* Effect.forEach(requests, ({ group, request }) =>
          Effect.gen(function* () {
            const person = yield* api.person()
            if (group === pagesGroup) {
              linksOf.set(person.id, yield* Effect.provideService(linksTo(person), TestApi, api))
            }
            if (groupsThatCache.test(group)) yield* request(api, person)
            return { group, answer: Effect.timed(request(api, person)) }
          })
        )
        // What a process knows of a session by itself is a second old at most.
        yield* api.pass("2 seconds")
        const rows = new Map(table().map(({ cells, group }) => [group, cells[state] ?? ""]))
        const isSlow = state.endsWith("slow")
        const [, engine] = Object.entries(engines).find(([name]) => state.startsWith(name)) ?? assert.fail()
        // A statement on a slow link misses its deadline of 3 s, a command to Redis that of 250 ms.
        yield* isSlow ? engine.delay(2000) : engine.cut
        const answers = yield* Effect.forEach(prepared, ({ answer }) => answer, { concurrency: 5 })
        for (const [index, [elapsed, answer]] of answers.entries()) {
          const group = prepared[index]?.group ?? ""
          assertCell(group, rows.get(group) ?? "", answer, Duration.toMillis(elapsed), isSlow)
        }
        yield* isSlow ? engine.delay(0) : engine.mend
        yield* waitUntil(Effect.map(api.send("GET", "/health"), ({ body }) => body.data.status === "healthy"))
        for (const request of groups["Writes of a user"] ?? []) {
          assert.include([200, 201], (yield* request(api, yield* api.person())).status)
        }
      }).pipe(Effect.scoped),
    120_000
  )
})
