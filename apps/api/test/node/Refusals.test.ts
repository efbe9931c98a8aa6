import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerEmbedded, TestApi } from "../TestApi.ts"
import * as RawHttp from "./RawHttp.ts"

const refused = [
  { name: "what is no HTTP", text: "nonsense\r\n\r\n", status: 400 },
  { name: "a tunnel", text: "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", status: 400 },
  { name: "a head that is too long", text: `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, status: 431 }
]

describe("what the server refuses by itself", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect.each(refused)(
      "$name is in the access log and the metrics, with the id of the response",
      ({ status, text }) =>
        Effect.gen(function* () {
          const api = yield* TestApi
          const metrics = Effect.map(api.send("GET", "/metrics"), (answer) => answer.text)
          const series = new RegExp(
            `^http_server_request_duration_seconds_count\\{[^}]*method="_OTHER"[^}]*status_code="${status}"[^}]*\\} (\\d+)$`,
            "m"
          )
          const counted = Effect.map(metrics, (lines) => Number(series.exec(lines)?.[1] ?? 0))
          const before = yield* counted
          const answer = RawHttp.parse(yield* RawHttp.exchange(api.url, text))
          assert.strictEqual(answer.status, status)
          const id = answer.headers.get("x-request-id")
          const [line, ...more] = (yield* api.log).filter((line) => line["request_id"] === id)
          assert.deepInclude(line, { level: "info", method: "_OTHER", status, ip: "127.0.0.1" })
          assert.deepStrictEqual(more, [])
          assert.strictEqual(yield* counted, before + 1)
          assert.match(yield* metrics, /^http_server_active_requests 1$/m)
        })
    )
  })
})
