import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { randomBytes } from "node:crypto"
import { inject } from "vitest"
import { Spans } from "../Spans.ts"
import { layerReal, TestApi } from "../TestApi.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

/** Reads a profile that no cache has, as a client that traces or not; the spans of it, as `kind what < name of the parent`. */
const spansOf = Effect.fnUntraced(function* (isSampled: boolean) {
  const api = yield* TestApi
  const spans = yield* Spans
  const { access } = yield* api.person()
  const traceId = randomBytes(16).toString("hex")
  const traceparent = `00-${traceId}-${randomBytes(8).toString("hex")}-${isSampled ? "01" : "00"}`
  const { status } = yield* api.send("GET", "/api/v1/users/profile/", { token: access, headers: { traceparent } })
  assert.strictEqual(status, 200)
  return spans
    .filter((span) => span.traceId === traceId)
    .map(({ attributes, kind, name, parent }) => {
      const above = Option.getOrUndefined(parent)
      return `${kind} ${attributes.has("db.query.text") ? "statement" : name} < ${above?._tag === "Span" ? above.name : "the client's"}`
    })
})

describe.skipIf(databaseUrl === "" || redisUrl === "")("the trace of a request", () => {
  it.layer(Layer.provideMerge(layerReal(databaseUrl, redisUrl), Spans.layer), { excludeTestServices: true })((it) => {
    it.effect("continues from HTTP to the statements and the commands", () =>
      Effect.gen(function* () {
        const [server, ...below] = yield* spansOf(true)
        assert.strictEqual(server, "server GET < the client's")
        assert.include(below, "client GET < GET")
        assert.include(below, "client statement < GET")
      })
    )

    it.effect("is a single span if the client does not sample it", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* spansOf(false), ["server GET < the client's"])
      })
    )
  })
})
