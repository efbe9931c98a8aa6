import { assert, describe, it } from "@effect/vitest"
import * as ProcessesMetrics from "@user-service/telemetry/ProcessesMetrics"

const text = (requests: number, more = "") =>
  `# HELP requests_total Requests
# TYPE requests_total counter
requests_total{route="/a b"} ${requests}
# TYPE duration_seconds histogram
duration_seconds_bucket{le="0.1"} ${requests}
duration_seconds_bucket{le="+Inf"} ${requests + 1}
duration_seconds_sum 0.5
duration_seconds_count ${requests + 1}
# TYPE database_pool_size gauge
database_pool_size 10
# TYPE user_service_engine_up gauge
user_service_engine_up{engine="cache"} ${requests === 1 ? 0 : 1}
# TYPE process_uptime_seconds gauge
process_uptime_seconds ${requests}
${more}`

const values = (rendered: string) =>
  new Map(
    rendered
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)] as const)
  )

describe("the metrics of several processes", () => {
  it("sum counters, histograms and most gauges, and take the minimum or maximum of the other gauges", () => {
    const metrics = ProcessesMetrics.make()
    metrics.record(1, text(1))
    metrics.record(2, text(2, "# TYPE other_total counter\nother_total 4\n"))
    assert.deepStrictEqual(
      values(metrics.render([1, 2], 0)),
      new Map([
        [`requests_total{route="/a b"}`, "3"],
        [`duration_seconds_bucket{le="0.1"}`, "3"],
        [`duration_seconds_bucket{le="+Inf"}`, "5"],
        ["duration_seconds_sum", "1"],
        ["duration_seconds_count", "5"],
        ["database_pool_size", "20"],
        [`user_service_engine_up{engine="cache"}`, "0"],
        ["process_uptime_seconds", "2"],
        ["other_total", "4"],
        [`user_service_api_processes{state="answering"}`, "2"],
        [`user_service_api_processes{state="silent"}`, "0"],
        ["user_service_api_processes_ended_total", "0"]
      ])
    )
  })

  it("name each metric once, with its help and its type before its series", () => {
    const metrics = ProcessesMetrics.make()
    metrics.record(1, text(1))
    metrics.record(2, text(2))
    const lines = metrics.render([1, 2], 0).split("\n")
    assert.deepStrictEqual(lines.slice(0, 3), [
      "# HELP requests_total Requests",
      "# TYPE requests_total counter",
      `requests_total{route="/a b"} 3`
    ])
    const types = lines.filter((line) => line.startsWith("# TYPE"))
    assert.strictEqual(new Set(types).size, types.length)
  })

  it("never decrease when a process ends and its successor counts from zero", () => {
    const metrics = ProcessesMetrics.make()
    metrics.record(1, text(5))
    metrics.record(2, text(2))
    metrics.retire(1)
    metrics.record(3, text(0))
    const after = values(metrics.render([2, 3], 0))
    assert.strictEqual(after.get(`requests_total{route="/a b"}`), "7")
    assert.strictEqual(after.get("duration_seconds_count"), "10")
    assert.strictEqual(after.get("database_pool_size"), "20", "the connections of an ended process are none")
    assert.strictEqual(after.get("user_service_api_processes_ended_total"), "1")
    metrics.retire(3)
    const last = values(metrics.render([2], 0))
    assert.strictEqual(last.get(`requests_total{route="/a b"}`), "7")
    assert.strictEqual(last.get("user_service_api_processes_ended_total"), "2")
  })

  it("keep the counts of a process that does not answer, and omit its gauges", () => {
    const metrics = ProcessesMetrics.make()
    metrics.record(1, text(5))
    metrics.record(2, text(2))
    const without = values(metrics.render([2], 1))
    assert.strictEqual(without.get(`requests_total{route="/a b"}`), "7")
    assert.strictEqual(without.get("database_pool_size"), "10")
    assert.strictEqual(without.get(`user_service_api_processes{state="silent"}`), "1")
  })

  it("write values that are not numbers as Prometheus does", () => {
    const metrics = ProcessesMetrics.make()
    metrics.record(1, '# TYPE odd gauge\nodd{n="1"} +Inf\nodd{n="2"} -Inf\nodd{n="3"} NaN\n')
    const rendered = metrics.render([1], 0)
    for (const line of [`odd{n="1"} +Inf`, `odd{n="2"} -Inf`, `odd{n="3"} NaN`]) assert.include(rendered, `${line}\n`)
  })
})
