import { type Board, chart, filter, rate, stat } from "../Board.ts"

const requests = "http_server_request_duration_seconds"
const served = `http_route!~"/health.*|/api/v1/users/health/|/metrics"`

const quantile = (share: number, labels: string) =>
  `histogram_quantile(${share}, sum by (le) (rate(${requests}_bucket{${labels}, ${filter}}[$__rate_interval])))`

export const overview: Board = {
  uid: "user-service-overview",
  title: "User Service: overview",
  description: "Whether users are served: objectives, rates, errors, latencies and saturation.",
  sections: [
    {
      title: "Objectives",
      charts: [
        stat(
          "Availability, 3 days",
          "percentunit",
          "The share of requests that did not fail. The objective is 99.9 %.",
          ["{{job}}", `1 - job:http_requests_failed:ratio_rate3d{job=~"$job"}`]
        ),
        stat(
          "Error budget burn, 1 hour",
          "none",
          "1 uses up the error budget of 30 days in 30 days. Above 14.4 an alert wakes somebody.",
          [
            "{{job}}",
            `job:http_requests_failed:ratio_rate1h{job=~"$job"} / on () group_left () slo:http_requests_failed:budget`
          ]
        ),
        stat(
          "Latency budget burn, 1 hour",
          "none",
          "1 uses up the latency budget of 30 days in 30 days: 1 % of the requests may take more than 250 ms. Requests that hash a password and exports do not count.",
          [
            "{{job}}",
            `job:http_requests_slow:ratio_rate1h{job=~"$job"} / on () group_left () slo:http_requests_slow:budget`
          ]
        ),
        stat("Firing alerts", "none", "By severity. The runbook has a section for each alert.", [
          "{{severity}}",
          `sum by (severity) (ALERTS{alertstate="firing"})`
        ])
      ]
    },
    {
      title: "Requests",
      charts: [
        chart("Requests by status", "reqps", "Probes and scrapes are included.", [
          "{{http_response_status_code}}",
          rate("http_response_status_code", `${requests}_count`)
        ]),
        chart("Requests by route, the ten most used", "reqps", "Without a route: no route matched.", [
          "{{http_request_method}} {{http_route}}",
          `topk(10, ${rate("http_request_method, http_route", `${requests}_count`, served)})`
        ]),
        chart(
          "Failed and limited requests",
          "percentunit",
          "The shares of requests that got a status of 500 or above, and that a rate limit refused with 429.",
          ["failed {{job}}", `job:http_requests_failed:ratio_rate5m{job=~"$job"}`],
          ["limited {{job}}", `job:http_requests_limited:ratio_rate5m{job=~"$job"}`]
        ),
        chart(
          "Duration of requests",
          "s",
          "Percentiles over all routes, without probes and scrapes. Logins take a quarter of a second by design.",
          ["p50", quantile(0.5, served)],
          ["p95", quantile(0.95, served)],
          ["p99", quantile(0.99, served)]
        ),
        chart(
          "Slow requests",
          "percentunit",
          "Over 250 ms; and logins, registrations and password changes over 2.5 s.",
          ["over 250 ms {{job}}", `job:http_requests_slow:ratio_rate5m{job=~"$job"}`],
          ["logins over 2.5 s {{job}}", `job:http_logins_slow:ratio_rate5m{job=~"$job"}`]
        ),
        chart("p99 by route, the ten slowest", "s", "Shows which route causes slow requests.", [
          "{{http_route}}",
          `topk(10, histogram_quantile(0.99, ${rate("le, http_route", `${requests}_bucket`, served)}))`
        ])
      ]
    },
    {
      title: "Saturation",
      charts: [
        chart("Requests in progress", "none", "Rises when an engine is slow.", [
          "{{job}}",
          `sum by (job) (http_server_active_requests{${filter}})`
        ]),
        chart("Use of database connections", "percentunit", "Transactions wait when it reaches 100 %.", [
          "{{job}} {{instance}}",
          `instance:database_pool:utilization{${filter}}`
        ]),
        chart("Event loop delay, p99", "s", "All requests of a process wait so long. Over 250 ms is unusual.", [
          "{{job}} {{instance}}",
          `nodejs_eventloop_lag_p99_seconds{${filter}}`
        ]),
        chart("Waiting password hashes", "none", "Requests are refused when HASH_QUEUE_SIZE wait in a process.", [
          "{{instance}}",
          `password_hash_queue_depth{${filter}}`
        ]),
        chart(
          "Programs and their processes",
          "none",
          "`up` counts what answers scrapes.",
          ["up {{job}}", `sum by (job) (up{job=~"$job"})`],
          ["processes {{state}}", `sum by (state) (user_service_api_processes{${filter}})`]
        ),
        chart("Versions", "none", "Two versions run side by side only during an upgrade.", [
          "{{version}}",
          `count by (version) (user_service_build_info{${filter}})`
        ])
      ]
    }
  ]
}
