import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { request } from "node:http"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { binary, call, exitOf, frames, gatewayKey, payloadBytes, post, withGateway } from "./Callers.ts"

const key = { "x-api-key": gatewayKey }

// The status of the answer to a request whose body has no end.
const statusBeforeTheEnd = (url: string, headers: Readonly<Record<string, string>>) =>
  Effect.callback<number | undefined>((resume) => {
    const sent = request(`${url}/rpc`, { method: "POST", headers: { ...binary, ...headers } }, (response) => {
      response.destroy()
      resume(Effect.succeed(response.statusCode))
    })
    sent.on("error", () => undefined)
    sent.write("the first bytes")
    return Effect.sync(() => sent.destroy())
  })

const bodyOf = ({ bytes }: { readonly bytes: Uint8Array }) => JSON.parse(Buffer.from(bytes).toString())

// Holds the one connection to the database that there is.
const holdDatabase = Effect.gen(function* () {
  const { sql } = yield* TestApi
  const isHeld = yield* Deferred.make<void>()
  const mayGo = yield* Deferred.make<void>()
  const hold = Effect.andThen(Deferred.succeed(isHeld, undefined), Deferred.await(mayGo))
  const holder = yield* Effect.forkChild(sql.withTransaction(Effect.andThen(sql`select 1`, hold)))
  yield* Deferred.await(isHeld)
  return Effect.andThen(Deferred.succeed(mayGo, undefined), Fiber.join(holder))
})

const underWay = (count: number) =>
  Effect.flatMap(TestApi, (api) =>
    Effect.repeat(api.send("GET", "/metrics"), {
      until: ({ text }) => new RegExp(`^http_server_active_requests\\S* ${count}$`, "m").test(text)
    })
  )

describe("a request to /rpc", () => {
  it.layer(layerEmbedded(withGateway), { excludeTestServices: true })((it) => {
    it.effect("without a valid key in the HTTP header is answered before its body has arrived", () =>
      Effect.gen(function* () {
        const { url } = yield* TestApi
        for (const [headers, code, message] of [
          [{}, "authentication_required", "An API key was not provided"],
          [{ "x-api-key": "wrong" }, "invalid_credentials", "The API key is not valid"]
        ] as const) {
          assert.strictEqual(yield* statusBeforeTheEnd(url, headers), 401)
          const answer = yield* post(Uint8Array.from([1]), headers)
          assert.strictEqual(answer.status, 401)
          assert.strictEqual(bodyOf(answer).code, code)
          assert.strictEqual(bodyOf(answer).message, message)
        }
      })
    )

    it.effect("counts its calls for the key in the HTTP header", () =>
      Effect.gen(function* () {
        const payload = yield* payloadBytes("IntrospectToken")
        const keyed = (id: string, text: string) =>
          call("IntrospectToken", payload, { id, headers: [["x-api-key", text]] })
        const body = yield* frames([keyed("1", gatewayKey), keyed("2", "wrong")])
        assert.strictEqual((yield* post(body)).status, 401)
        const { messages, status } = yield* post(body, key)
        assert.strictEqual(status, 200)
        const exits = yield* Effect.forEach(messages, (message) => exitOf("IntrospectToken", message))
        assert.deepStrictEqual(exits.map(Exit.isSuccess), [true, true])
      })
    )

    it.effect("gets no unknown procedure's name back", () =>
      Effect.gen(function* () {
        const name = "x".repeat(1_000_000)
        const answer = yield* post(yield* frames([call(name, new Uint8Array())]), key)
        assert.deepStrictEqual(
          answer.messages.map(({ _tag, requestId }) => [_tag, requestId]),
          [["Exit", "1"]]
        )
        assert.isBelow(answer.bytes.length, 1000)
      })
    )

    it.effect("with text that is not UTF-8 is refused, also within a call", () =>
      Effect.gen(function* () {
        const payload = yield* payloadBytes("ReportDeliveryStatus", {
          statuses: [{ notification_id: "spoiled", status: "sent" }]
        })
        const spoiled = Buffer.from(payload)
        spoiled[spoiled.indexOf("spoiled")] = 0xe4
        const whole = Buffer.from(yield* frames([call("ReportDeliveryStatus", payload)]))
        whole[whole.indexOf("ReportDeliveryStatus")] = 0xe4
        const answer = yield* post(whole, key)
        assert.strictEqual(answer.status, 400)
        assert.strictEqual(bodyOf(answer).code, "malformed_json")
        const { messages } = yield* post(yield* frames([call("ReportDeliveryStatus", spoiled)]), key)
        const exit = yield* exitOf("ReportDeliveryStatus", messages[0])
        assert.isTrue(Exit.isFailure(exit))
      })
    )

    it.effect("executes its calls concurrently, and is answered in one body after the last", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { id } = yield* api.person()
        const release = yield* holdDatabase
        const delivery = { user_id: id, channel: "email", category: "system" }
        const calls = [
          call("ResolveDeliveries", yield* payloadBytes("ResolveDeliveries", { deliveries: [delivery] })),
          call("IntrospectToken", yield* payloadBytes("IntrospectToken"), { id: "2" })
        ]
        const answer = yield* Effect.forkChild(post(yield* frames(calls), key))
        yield* underWay(2)
        assert.isUndefined(answer.pollUnsafe())
        yield* release
        const { headers, messages } = yield* Fiber.join(answer)
        // The second did not wait for the first.
        assert.deepStrictEqual(
          messages.map(({ requestId }) => requestId),
          ["2", "1"]
        )
        assert.isNotNull(headers.get("content-length"))
      })
    )

    it.effect("interrupts its calls when the client disconnects", () =>
      Effect.gen(function* () {
        const { sql, ...api } = yield* TestApi
        const { id } = yield* api.person()
        const release = yield* holdDatabase
        const delivery = { user_id: id, channel: "email", category: "system", notification_id: "given-up" }
        const body = yield* frames([
          call("ResolveDeliveries", yield* payloadBytes("ResolveDeliveries", { deliveries: [delivery] }))
        ])
        const leaving = new AbortController()
        const asked = fetch(`${api.url}/rpc`, {
          method: "POST",
          body: new Uint8Array(body),
          headers: { ...binary, ...key },
          signal: leaving.signal
        })
        yield* underWay(2)
        leaving.abort()
        yield* Effect.exit(Effect.tryPromise(() => asked))
        yield* underWay(1)
        yield* release
        assert.deepStrictEqual(yield* sql`select 1 from deliveries where notification_id = 'given-up'`, [])
      })
    )
  })
})
