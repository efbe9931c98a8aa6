import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { UserServiceRpc } from "@user-service/schema/rpc/UserServiceRpc"
import { RequiredScope } from "@user-service/schema/ServiceScopes"
import { Context, Effect, Exit, FileSystem, Layer, Option } from "effect"
import { HttpApi } from "effect/http-api"
import { assertFailure } from "../Answers.ts"
import { absentId } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { call, exampleOf, frames, gatewayKey, inFile, post, rawCall, withGateway } from "./Callers.ts"

/** A part of the service side, found where it is declared, and how to ask for it with a key; answers what is refused. */
interface Part {
  readonly name: string
  readonly scope: string | undefined
  readonly ask: (headers: Readonly<Record<string, string>>) => Effect.Effect<string, never, TestApi>
}

// What came of it, in the words that both ways have in common.
const reasons: Readonly<Record<string, string>> = {
  "An API key was not provided": "missing",
  "The API key is not valid": "unknown",
  "The API key has expired": "expired"
}

const routes: Array<Part> = []
HttpApi.reflect(UserServiceApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, group }) => {
    if (group.identifier !== "internal") return
    const path = endpoint.path.replace(":id", absentId)
    const body = exampleOf(endpoint)
    routes.push({
      name: `${endpoint.method} ${endpoint.path}`,
      scope: Context.get(endpoint.annotations, RequiredScope),
      ask: Effect.fnUntraced(function* (headers) {
        const api = yield* TestApi
        const answer = yield* api.send(endpoint.method, path, { headers, ...(body === undefined ? {} : { body }) })
        if (answer.status === 401) {
          const { message } = answer.body
          assertFailure(
            answer,
            401,
            reasons[message] === "missing" ? "authentication_required" : "invalid_credentials",
            message
          )
          return reasons[message] ?? message
        }
        if (answer.status === 403) assert.strictEqual(answer.body.code, "forbidden")
        return answer.status === 403 ? "forbidden" : "let in"
      })
    })
  }
})

const procedures = Array.from(UserServiceRpc.requests.values(), (rpc): Part => ({
  name: rpc._tag,
  scope: Context.get(rpc.annotations, RequiredScope),
  ask: Effect.fnUntraced(function* (headers) {
    const exit = yield* rawCall(rpc._tag, headers)
    if (Exit.isSuccess(exit)) return "let in"
    const error = Option.getOrThrow(Exit.findErrorOption(exit))
    return error._tag === "Unauthenticated" ? error.reason : error._tag === "ForbiddenScope" ? "forbidden" : "let in"
  })
}))

const parts = [...routes, ...procedures]
const scopes = ["introspect", "users", "tokens", "deliveries"]
const keyFor = (scope: string) => `${scope}-6gH4jL0sVq3uYp7xK2mT9wZ5rN8cB1dF`
const expiredKey = "expired-L0sVq3uYp7xK2mT9wZ5rN8cB1dF6gH4j"

// A key for each scope alone, and one whose time is over.
const fileOfKeys = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const path = `${yield* files.makeTempDirectoryScoped()}/service-keys.json`
  yield* files.writeFileString(
    path,
    JSON.stringify([
      ...scopes.map((scope) => inFile(scope, keyFor(scope), [scope])),
      inFile("expired", expiredKey, scopes, "2026-01-01T00:00:00Z")
    ])
  )
  return path
})

const withKeys = Layer.unwrap(
  Effect.map(fileOfKeys, (file) => layerEmbedded({ ...withGateway, SERVICE_API_KEYS_FILE: file }))
).pipe(Layer.provide(NodeServices.layer))

const key = (text: string) => ({ "x-api-key": text })

describe("service keys", () => {
  it("every procedure has a route with the same scope", () => {
    assert.lengthOf(routes, 7)
    assert.deepStrictEqual(procedures.map(({ scope }) => scope).toSorted(), routes.map(({ scope }) => scope).toSorted())
  })

  it.layer(withKeys, { excludeTestServices: true })((it) => {
    it.effect("the key is checked before the call is read", () =>
      Effect.gen(function* () {
        for (const { name } of procedures) {
          const { bytes, status } = yield* post(yield* frames([call(name, Uint8Array.from([9]))]))
          assert.strictEqual(status, 401, name)
          assert.strictEqual(JSON.parse(Buffer.from(bytes).toString()).code, "authentication_required", name)
        }
      })
    )

    it.effect("every route and procedure accepts a valid key, and refuses others with the reason", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, refresh } = yield* api.person()
        for (const { ask, name, scope = "" } of parts) {
          assert.strictEqual(yield* ask(key(gatewayKey)), "let in", name)
          assert.strictEqual(yield* ask(key(keyFor(scope))), "let in", name)
          assert.strictEqual(yield* ask({}), "missing", name)
          assert.strictEqual(yield* ask(key("")), "missing", name)
          for (const token of [access, refresh]) {
            assert.strictEqual(yield* ask({ authorization: `Bearer ${token}` }), "missing", name)
            assert.strictEqual(yield* ask(key(token)), "unknown", name)
          }
          assert.strictEqual(yield* ask({ authorization: `Bearer ${gatewayKey}` }), "missing", name)
          for (const wrong of [`${gatewayKey}x`, gatewayKey.slice(1), gatewayKey.toUpperCase(), "gateway"]) {
            assert.strictEqual(yield* ask(key(wrong)), "unknown", name)
          }
          assert.strictEqual(yield* ask(key(expiredKey)), "expired", name)
          for (const other of scopes.filter((other) => other !== scope)) {
            assert.strictEqual(yield* ask(key(keyFor(other))), "forbidden", name)
          }
        }
      })
    )

    it.effect("a key is refused on the routes of users", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const headers of [key(gatewayKey), { authorization: `Bearer ${gatewayKey}` }]) {
          const answer = yield* api.send("GET", "/api/v1/users/profile/", { headers })
          assert.strictEqual(answer.status, 401)
        }
      })
    )

    it.effect("the access log has the name of the key, also if it lacks the scope, and never the key", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        for (const { ask } of parts) {
          yield* ask(key(gatewayKey))
          yield* ask(key("CANARY-of-a-key"))
        }
        yield* api.send("GET", `/internal/v1/users/${absentId}`, { headers: key(keyFor("tokens")) })
        const lines = yield* api.log
        const last = lines.findLast((line) => line["status"] === 403)
        assert.strictEqual(last?.["service"], "tokens")
        const asked = lines.filter((line) => ["/rpc", "/internal/v1/users/:id"].includes(String(line["route"])))
        assert.isTrue(asked.some((line) => line["service"] === "gateway"))
        const text = JSON.stringify(lines)
        for (const secret of [gatewayKey, "CANARY", ...scopes.map(keyFor)]) assert.notInclude(text, secret)
      })
    )
  })

  it.layer(layerEmbedded(), { excludeTestServices: true })("where none is configured", (it) => {
    it.effect("every key is refused", () =>
      Effect.gen(function* () {
        for (const { ask, name } of parts) {
          assert.strictEqual(yield* ask({}), "missing", name)
          assert.strictEqual(yield* ask(key(gatewayKey)), "unknown", name)
        }
      })
    )
  })
})

describe("limits of service keys", () => {
  const limited = layerEmbedded({
    ...withGateway,
    RATE_LIMIT_SERVICE_KEY: "3/1h",
    RATE_LIMIT_SERVICE_KEY_IP: "2/1h"
  })

  it.layer(limited, { excludeTestServices: true })((it) => {
    it.effect(
      "count the calls of a key over HTTP and RPC together; invalid keys count by address and lock out no valid key",
      () =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const get = (headers: Readonly<Record<string, string>>) =>
            api.send("GET", `/internal/v1/users/${absentId}`, { headers })
          const statuses = yield* Effect.forEach([1, 2, 3], () => get(key("wrong")))
          assert.deepStrictEqual(
            statuses.map(({ status }) => status),
            [401, 401, 429]
          )
          assert.strictEqual((yield* get({})).status, 401)
          assert.strictEqual((yield* get(key(gatewayKey))).status, 404)
          yield* rawCall("GetUser", key(gatewayKey))
          assert.strictEqual((yield* get(key(gatewayKey))).status, 404)
          const refused = yield* get(key(gatewayKey))
          assert.strictEqual(refused.status, 429)
          assert.strictEqual(refused.headers.get("ratelimit-policy"), '"service-key";q=3;w=3600')
          const exit = yield* rawCall("GetUser", key(gatewayKey))
          const error = Option.getOrThrow(Exit.findErrorOption(exit))
          assert.strictEqual(error._tag, "RateLimited")
          assert.isAbove(error._tag === "RateLimited" ? error.retryAfterSeconds : 0, 3000)
        })
    )
  })
})
