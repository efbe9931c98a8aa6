import { type Board, chart, filter, rate } from "../Board.ts"

const count = "http_server_request_duration_seconds_count"
const users = "/api/v1/users"
const route = (path: string) => `http_route="${users}/${path}/"`
const byStatus = (path: string, method = "POST") =>
  rate("http_response_status_code", count, `http_request_method="${method}", ${route(path)}`)

export const accounts: Board = {
  uid: "user-service-accounts",
  title: "User Service: accounts and security",
  description: "Who registers and logs in, what is refused, and whether somebody attacks accounts.",
  sections: [
    {
      title: "Accounts",
      charts: [
        chart("Registrations", "reqps", "201: registered. 422: invalid or taken. 429: limited.", [
          "{{http_response_status_code}}",
          byStatus("register")
        ]),
        chart("Logins", "reqps", "200: logged in. 401: refused. 429: limited. 503: the hashing threads are busy.", [
          "{{http_response_status_code}}",
          byStatus("login")
        ]),
        chart("Refreshes and logouts", "reqps", "Refreshes show how many sessions are in use.", [
          "{{http_route}} {{http_response_status_code}}",
          rate(
            "http_route, http_response_status_code",
            count,
            `http_route=~"${users}/(token/refresh|logout|logout-all)/"`
          )
        ]),
        chart("Recovery", "reqps", "Requests for mails with links, and the links that are followed.", [
          "{{http_route}} {{http_response_status_code}}",
          rate(
            "http_route, http_response_status_code",
            count,
            `http_route=~"${users}/(password-reset|verify-email|change-email)/(confirm/)?"`
          )
        ]),
        chart("Exports", "none", "In the last hour. `failed`: the user got a document that is cut off.", [
          "{{outcome}}",
          `sum by (outcome) (increase(account_exports_total{${filter}}[1h]))`
        ]),
        chart("Exports of the audit log", "none", "In the last hour, by administrators.", [
          "{{outcome}}",
          `sum by (outcome) (increase(audit_exports_total{${filter}}[1h]))`
        ]),
        chart("Erasures by users", "reqps", "204: the account is gone. The job `erasures` of a worker does the rest.", [
          "{{http_response_status_code}}",
          byStatus("profile", "DELETE")
        ])
      ]
    },
    {
      title: "Refused credentials",
      charts: [
        chart("By kind", "reqps", "Credentials that were presented and refused.", [
          "{{event}}",
          rate("event", "auth_refusals_total")
        ]),
        chart("Logins by reason", "reqps", "Many unknown addresses: a stolen list is tried out.", [
          "{{reason}}",
          rate("reason", "auth_refusals_total", `event="login_refused"`)
        ]),
        chart(
          "Tokens and keys by reason",
          "reqps",
          "`bad_signature`: forged, or the signing keys of processes differ.",
          ["{{event}} {{reason}}", rate("event, reason", "auth_refusals_total", `event!="login_refused"`)]
        ),
        chart("Reused refresh tokens", "none", "In the last hour. Each was stolen, or kept by a faulty client.", [
          "reused",
          `sum(increase(auth_refusals_total{event="refresh_token_refused", reason="reused", ${filter}}[1h]))`
        ])
      ]
    },
    {
      title: "Limits and passwords",
      charts: [
        chart("Refused by rate limits", "reqps", "By limit, as the header RateLimit-Policy names it.", [
          "{{policy}}",
          rate("policy", "rate_limits_refused_total")
        ]),
        chart("Share of limited requests", "percentunit", "Above 20 % for ten minutes raises an alert.", [
          "{{job}}",
          `job:http_requests_limited:ratio_rate5m{job=~"$job"}`
        ]),
        chart("Counted without Redis", "reqps", "Above 0, each process counts by itself.", [
          "{{job}}",
          rate("job", "rate_limits_fallbacks_total")
        ]),
        chart("Password hashes", "ops", "A hash takes a whole core for a quarter of a second.", [
          "{{operation}}",
          rate("operation", "password_hashes_total")
        ]),
        chart(
          "Duration of password checks",
          "s",
          "p95 of hashes and of strength estimates, without the wait.",
          ["hash", `histogram_quantile(0.95, ${rate("le", "password_hash_duration_seconds_bucket")})`],
          ["estimate", `histogram_quantile(0.95, ${rate("le", "password_estimate_duration_seconds_bucket")})`]
        ),
        chart(
          "Refused for a full queue",
          "reqps",
          "Answered with 503 and Retry-After.",
          ["hashes", rate("job", "password_hashes_refused_total")],
          ["estimates", rate("job", "password_estimates_refused_total")]
        )
      ]
    }
  ]
}
