import type { ApiSettings } from "@user-service/api/ApiSettings"
import { Effect, Option } from "effect"

/** Says where the service is, on what it runs, and what to try first. */
export const welcome = Effect.fnUntraced(function* (settings: ApiSettings) {
  const base = `http://${settings.host === "0.0.0.0" ? "127.0.0.1" : settings.host}:${settings.port}`
  const engine = (real: Option.Option<unknown>, name: string, embedded: string) =>
    Option.isSome(real) ? name : `${embedded} (embedded)`
  const engines = [
    engine(settings.database, "PostgreSQL", "PGlite"),
    engine(settings.redisUrl, "Redis", "in-memory cache"),
    engine(settings.rabbitmqUrl, "RabbitMQ", "no broker yet")
  ].join(", ")
  yield* Effect.logInfo(
    [
      "User Service is ready",
      `  engines  ${engines}`,
      `  API      ${base}/api/v1`,
      `  docs     ${base}/api/docs/swagger  ${base}/api/docs/redoc`,
      `  health   ${base}/health`,
      "  try      " + firstRequest(base)
    ].join("\n")
  )
})

const firstRequest = (base: string) =>
  `curl -s ${base}/api/v1/users/register/ -H 'content-type: application/json' ` +
  `-d '{"email":"ada@example.com","password":"correct horse battery staple","name":"Ada Lovelace"}'`
