import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as TestRedis from "@user-service/cache/testing/TestRedis"
import { Context, Effect, FileSystem, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { randomBytes, randomUUID } from "node:crypto"
import { inject } from "vitest"
import { gatewayKey, withGateway } from "../service-side/Callers.ts"
import { freshEngines, goodPassword, layerOn, TestApi } from "../TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]
const users = "/api/v1/users"

const newPassword = "another horse, another staple"

// A part that nothing else in the engines contains.
const mark = () => randomBytes(9).toString("hex")

const marks = {
  email: mark(),
  username: mark(),
  firstName: mark(),
  lastName: mark(),
  bio: mark(),
  avatar: mark(),
  phone: `+${Array.from({ length: 14 }, () => Math.floor(Math.random() * 10)).join("")}`,
  pushToken: mark(),
  webToken: mark(),
  deviceId: mark(),
  deviceName: mark(),
  userAgent: mark(),
  statusError: mark(),
  address: "2001:db8:5ca1:ab1e::77"
}

/** Every table of the catalogue with its rows as text, so that later tables are searched without a change here. */
const dumpDatabase = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const tables = yield* sql`
    select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema')`
  assert.isAtLeast(tables.length, 15)
  return yield* Effect.forEach(tables, ({ name }) =>
    Effect.map(
      sql`select t::text as text from ${sql.literal(String(name))} t`,
      (rows) => [String(name), rows.map(({ text }) => readable(String(text))).join("\n")] as const
    )
  )
})

// Columns of type bytea are shown in hexadecimal. They may hold texts too.
const readable = (text: string): string =>
  text +
  [...text.matchAll(/\\x([0-9a-f]+)/g)].map(([, hex = ""]) => Buffer.from(hex, "hex").toString("latin1")).join("\n")

const findIn = (dump: ReadonlyArray<readonly [string, string]>) =>
  dump.flatMap(([place, text]) =>
    Object.entries(marks)
      .filter(([, value]) => text.toLowerCase().includes(value.toLowerCase()))
      .map(([kind]) => `${kind} in ${place}`)
  )

const deadLetter = (sql: SqlClient.SqlClient, body: Buffer, headers = "{}") => sql`
  insert into dead_letters (id, digest, queue, reason, routing_key, headers, body, size, received_at)
  values (uuid_v7(), sha256(gen_random_uuid()::text::bytea), 'q', 'undecodable', 'k', ${headers}::json, ${body}, ${body.length}, now())`

const use = Effect.gen(function* () {
  const { sql, ...api } = yield* TestApi
  const headers = { "user-agent": `agent ${marks.userAgent}`, "x-forwarded-for": marks.address }
  const email = `Ada.${marks.email}@example.com`
  const account = {
    email,
    password: goodPassword,
    username: `u${marks.username}`,
    first_name: marks.firstName,
    last_name: marks.lastName,
    phone_number: marks.phone,
    push_token: `web:${marks.webToken}${"x".repeat(100)}`
  }
  const registered = yield* api.send("POST", `${users}/register/`, {
    headers: { ...headers, "idempotency-key": randomUUID() },
    body: account
  })
  assert.strictEqual(registered.status, 201, registered.text)
  const person = { id: String(registered.body.data.id) }
  const login = yield* api.send("POST", `${users}/login/`, {
    headers,
    body: { email, password: goodPassword, device_name: marks.deviceName }
  })
  // Sends a notice with the address and the user agent.
  const changed = yield* api.send("POST", `${users}/change-password/`, {
    token: login.body.data.tokens.access,
    headers,
    body: { old_password: goodPassword, new_password: newPassword, new_password_confirm: newPassword }
  })
  assert.strictEqual(changed.status, 200, changed.text)
  const token: string = changed.body.data.tokens.access
  const change = (method: string, path: string, body: unknown) =>
    api.send(method, `${users}${path}`, { token, headers, body })
  const device = { token: `fcm:${marks.pushToken}${"y".repeat(100)}`, platform: "android", device_id: marks.deviceId }
  const answers = [
    yield* change("PATCH", "/profile/", {
      profile: { bio: marks.bio, avatar_url: `https://example.com/${marks.avatar}.png` }
    }),
    yield* change("PATCH", "/preferences/", { frequency_limit: 17 }),
    yield* change("POST", "/push-tokens/", { ...device, device_name: marks.deviceName })
  ]
  // No worker runs that would handle it.
  answers.push(yield* api.send("POST", `${users}/password-reset/`, { headers, body: { email: email.toUpperCase() } }))
  // The copies in the cache.
  for (const path of ["/profile/", "/preferences/", "/sessions/", "/push-tokens/"]) {
    answers.push(yield* api.send("GET", `${users}${path}`, { token, headers }))
  }
  const service = (path: string, body: unknown) =>
    api.send("POST", `/internal/v1/deliveries/${path}`, { headers: { "x-api-key": gatewayKey }, body })
  const delivery = { notification_id: randomUUID(), user_id: person.id, channel: "email", category: "marketing" }
  answers.push(yield* service("resolve", { deliveries: [delivery] }))
  const { notification_id } = delivery
  answers.push(
    yield* service("status", {
      statuses: [{ notification_id, status: "complained", error: `no mailbox ${marks.statusError}`, provider: "ses" }]
    })
  )
  for (const { status, text } of answers) assert.include([200, 201, 202], status, text)
  yield* sql`update outbox set published_at = now() where position % 2 = 0`
  for (const [body, header] of [
    [`{"user_id":"${person.id.toUpperCase()}","status":"nonsense"}`],
    [`{"to":"${email.replace("@", "\\u0040")}","status":7}`],
    [`not json ${email.toUpperCase()}, and more`],
    [`{"text":"{\\"push_token\\":\\"${device.token}\\"}"}`],
    [`{"username":"U${marks.username}","status":7}`],
    [`{"message":{"phone_number":"${marks.phone}"}}`],
    ["{}", JSON.stringify({ "x-user": email })]
  ] as const) {
    yield* deadLetter(sql, Buffer.from(body), header)
  }
  yield* deadLetter(sql, Buffer.concat([Buffer.from([255, 0, 254]), Buffer.from(email), Buffer.from([200])]))
  yield* deadLetter(sql, Buffer.from(email, "utf16le"))
  // Those of others stay.
  yield* deadLetter(
    sql,
    Buffer.from(`{"to":"x${marks.lastName}.${randomUUID()}@example.com"}`.replace(marks.lastName, ""))
  )
  return { ...person, token, email }
})

describe.skipIf(databaseUrl === "" || redisUrl === "")("nothing of an erased user", () => {
  it.live("is left in any table or in Redis", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const shared = yield* freshEngines(databaseUrl, redisUrl)
      const environment = {
        ...withGateway,
        TRUSTED_PROXIES: "127.0.0.0/8,::1/128",
        RATE_LIMIT_LOGIN_ACCOUNT: "10/5m",
        RATE_LIMIT_LOGIN_IP: "100/5m",
        RATE_LIMIT_CHANGE_PASSWORD: "5/15m",
        RATE_LIMIT_WRITE: "300/1m",
        JWT_KEYS_FILE: `${yield* files.makeTempDirectoryScoped()}/jwt-keys.json`
      }
      const api = Context.get(yield* Layer.build(Layer.fresh(layerOn(shared, environment))), TestApi)
      const dumps = Effect.gen(function* () {
        return [...(yield* dumpDatabase), ...(yield* TestRedis.dump(redisUrl, shared.prefix))]
      }).pipe(Effect.provideService(SqlClient.SqlClient, api.sql))

      const person = yield* Effect.provideService(use, TestApi, api)
      const before = findIn(yield* dumps)
      for (const kind of Object.keys(marks)) {
        assert.isTrue(
          before.some((found) => found.startsWith(`${kind} in `)),
          `The test does not use ${kind}`
        )
      }
      const erased = yield* api.send("DELETE", `${users}/profile/`, {
        token: person.token,
        headers: { "user-agent": `agent ${marks.userAgent}`, "x-forwarded-for": marks.address },
        body: { password: newPassword }
      })
      assert.strictEqual(erased.status, 204)
      assert.deepStrictEqual(findIn(yield* dumps), [])
      const letters = yield* api.sql`select 1 from dead_letters`
      assert.lengthOf(letters, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))
  )
})
