import { assert, describe, it } from "@effect/vitest"
import * as AccessLog from "@user-service/telemetry/AccessLog"
import { type LogLine, toJson } from "@user-service/telemetry/LogLine"

const request: AccessLog.AnsweredRequest = {
  time: 1_790_000_000_123,
  request_id: "r-1",
  method: "GET",
  route: "/api/v1/users/profile/",
  status: 200,
  duration_ms: 1.23456
}

const written = (request: AccessLog.AnsweredRequest, isEnabled = true) => {
  const lines: Array<LogLine> = []
  AccessLog.write({ isEnabled: () => isEnabled, write: (line) => lines.push(line) }, request)
  return lines
}

describe("AccessLog", () => {
  it.each<[string | undefined, number, string]>([
    ["/api/v1/users/profile/", 200, "Info"],
    ["/api/v1/users/login/", 401, "Info"],
    ["/api/v1/users/login/", 429, "Info"],
    [undefined, 404, "Info"],
    ["/api/v1/users/login/", 500, "Error"],
    ["/api/v1/users/login/", 503, "Error"],
    ["/health", 200, "Debug"],
    ["/health/live", 200, "Debug"],
    ["/api/v1/users/health/", 200, "Debug"],
    ["/metrics", 401, "Debug"],
    ["/health/ready", 503, "Warn"]
  ])("%s answered %i is %s", (route, status, level) => {
    assert.strictEqual(written({ ...request, route, status })[0]?.level, level)
  })

  it("a line contains the properties of the request and omits absent ones", () => {
    const all = { ...request, user_id: "u", ip: "::1", trace_id: "t" }
    assert.deepStrictEqual(
      written(all).map((line) => JSON.parse(toJson(line))),
      [
        {
          timestamp: "2026-09-21T14:13:20.123Z",
          level: "info",
          message: "GET /api/v1/users/profile/ 200",
          request_id: "r-1",
          method: "GET",
          route: "/api/v1/users/profile/",
          status: 200,
          duration_ms: 1.235,
          user_id: "u",
          ip: "::1",
          trace_id: "t"
        }
      ]
    )
    assert.notInclude(
      written({ ...request, route: undefined })
        .map(toJson)
        .join(),
      'route":'
    )
  })

  it("a token that was sent as the request id does not appear", () => {
    const line = written({ ...request, request_id: "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJDQU5BUlkifQ.CANARY" })
      .map(toJson)
      .join()
    assert.notInclude(line, "CANARY")
  })

  it("a request is not logged if its level is disabled", () => {
    assert.deepStrictEqual(written(request, false), [])
  })
})
