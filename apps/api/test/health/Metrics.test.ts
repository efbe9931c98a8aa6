import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Answer, layerEmbedded, TestApi } from "../TestApi.ts"

const path = "/metrics"

const assertRefused = ({ body, headers, status }: Answer): void => {
  assert.deepStrictEqual(
    [status, body.code, body.message, body.data],
    [401, "authentication_required", "The metrics token is required", null]
  )
  assert.strictEqual(headers.get("www-authenticate"), `Bearer realm="metrics"`)
}

/** The lines of the series that counts requests, as their labels. */
const requests = (text: string) =>
  text.split("\n").filter((line) => line.startsWith("http_server_request_duration_seconds_count"))

describe("metrics", () => {
  it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
    it.effect("are Prometheus text, and public if no token is set", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const answer = yield* send("GET", path)
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8")
        for (const line of answer.text.trim().split("\n")) {
          assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{[^}]*\})? -?[\d.e+-]+|\w+(\{[^}]*\})? (\+Inf|NaN))$/)
        }
        for (const engine of ["database", "cache", "broker"]) {
          assert.include(answer.text, `user_service_engine_up{engine="${engine}"} 1`)
        }
      })
    )

    it.effect("count requests by route, method and status, never by an id or an unknown path", () =>
      Effect.gen(function* () {
        const api = yield* TestApi
        const { access, id } = yield* api.person()
        yield* api.send("GET", `/api/v1/users/push-tokens/${id}`, { token: access })
        yield* api.send("GET", `/nowhere/${id}`)
        yield* api.send("DELETE", "/health")
        const { text } = yield* api.send("GET", path)
        assert.notInclude(text, id)
        assert.notInclude(text, "nowhere")
        const count = (labels: ReadonlyArray<string>) =>
          requests(text).filter((line) => labels.every((label) => line.includes(label))).length
        const method = `http_request_method="GET"`
        const notFound = `http_response_status_code="404"`
        assert.strictEqual(count([method, notFound, `http_route="/api/v1/users/push-tokens/:id/"`]), 1)
        assert.strictEqual(requests(text).filter((line) => !line.includes("http_route")).length, 2)
      })
    )

    it.effect("have the number of requests in progress", () =>
      Effect.gen(function* () {
        const { text } = yield* (yield* TestApi).send("GET", path)
        assert.match(text, /^http_server_active_requests 1$/m)
      })
    )
  })

  it.layer(layerEmbedded({ METRICS_TOKEN: "scrape me" }), { excludeTestServices: true })((it) => {
    it.effect("require METRICS_TOKEN if it is set", () =>
      Effect.gen(function* () {
        const { person, send } = yield* TestApi
        const { access } = yield* person()
        assertRefused(yield* send("GET", path))
        for (const authorization of [
          "Bearer scrape",
          "Bearer Scrape me",
          "Basic scrape me",
          "scrape me",
          `Bearer ${access}`
        ]) {
          assertRefused(yield* send("GET", path, { headers: { authorization } }))
        }
        assertRefused(yield* send("GET", `${path}?token=scrape%20me`))
        assert.strictEqual((yield* send("GET", `${path}/`, { token: "scrape me" })).status, 200)
      })
    )

    it.effect("METRICS_TOKEN is refused on other routes", () =>
      Effect.gen(function* () {
        const answer = yield* (yield* TestApi).send("GET", "/api/v1/users/profile/", { token: "scrape me" })
        assert.strictEqual(answer.status, 401)
      })
    )
  })
})
