import { assert, describe, it } from "@effect/vitest"
import * as Tracing from "@user-service/telemetry/Tracing"
import { Context, Effect, Layer, Option } from "effect"
import { FetchHttpClient } from "effect/http"
import { createServer } from "node:http"
import { listenOnLoopback } from "../ListeningServer.ts"
import { withGateway } from "../service-side/Callers.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import { assertNoLeak, Canaries, spread, useAll, useDuringFailure } from "./Canaries.ts"

/** What a collector of traces takes in. */
class Collector extends Context.Service<Collector, { readonly url: URL; readonly bodies: ReadonlyArray<string> }>()(
  "@user-service/api/test/hostile/Collector"
) {
  static readonly layer = Layer.effect(
    Collector,
    Effect.gen(function* () {
      const bodies: Array<string> = []
      const server = createServer((request, response) => {
        let body = ""
        request.setEncoding("utf8")
        request.on("data", (text: string) => (body += text))
        request.on("end", () => {
          bodies.push(body)
          response.end("{}")
        })
      })
      return { url: yield* listenOnLoopback(server), bodies }
    })
  )
}

const tracing = Layer.unwrap(
  Effect.map(Collector, ({ url }) =>
    Tracing.layer({ endpoint: Option.some(url), ratio: 1 }, { serviceName: "user-service", serviceVersion: "1.2.3" })
  )
).pipe(Layer.provide(FetchHttpClient.layer))

/** The service with everything told that it can tell. */
const talkative = layerEmbedded({ ...withGateway, LOG_LEVEL: "debug" }).pipe(Layer.provide(tracing))

describe("secrets", { timeout: 240_000 }, () => {
  it.live("are in no response, log, metric, trace or row, wherever they were sent", () =>
    Effect.gen(function* () {
      const collector = yield* Collector
      const canaries = new Canaries()
      const seen = yield* Effect.gen(function* () {
        const api = yield* TestApi
        yield* useAll(canaries)
        yield* spread(canaries)
        const rows = yield* api.sql<{ readonly text: string }>`
          select row_to_json(t)::text as text from users t union all select row_to_json(t)::text from sessions t
          union all select row_to_json(t)::text from audit_log t`
        yield* useDuringFailure(canaries)
        const metrics = yield* canaries.send("GET", "/metrics")
        return {
          log: JSON.stringify(yield* api.log),
          metrics: metrics.text,
          rows: rows.map(({ text }) => text).join("\n")
        }
      }).pipe(Effect.provide(talkative))
      assert.lengthOf(canaries.foundIn([...canaries.secrets].join()), canaries.secrets.size)
      const traces = collector.bodies.join("\n")

      for (const [place, text] of Object.entries({ ...seen, traces })) {
        assert.isAbove(text.length, 10_000, place)
        assert.deepStrictEqual(canaries.foundIn(text), [], place)
      }
      assertNoLeak(canaries)
    }).pipe(Effect.provide(Collector.layer))
  )
})
