import { Console, Effect, Option } from "effect"
import { HttpServer } from "effect/http"
import type { StandaloneSettings } from "./StandaloneSettings.ts"

/** Logs the URL and the engines, and with `LOG_FORMAT=pretty` prints a first request to try. */
export const welcome = Effect.fnUntraced(function* (settings: StandaloneSettings) {
  const { address } = yield* HttpServer.HttpServer
  // A client cannot connect to the unspecified address.
  const url = HttpServer.formatAddress(address).replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]")
  const engine = (real: Option.Option<unknown>, name: string, embedded: string) =>
    Option.isSome(real) ? name : embedded
  const engines = {
    database: engine(settings.database, "PostgreSQL", "PGlite, in this process"),
    cache: engine(settings.redisUrl, "Redis", "in this process"),
    broker: engine(settings.rabbitmqUrl, "RabbitMQ", "in this process")
  }
  yield* Effect.logInfo("User Service is ready", { url, ...engines })
  // Not logged, since the logger would mask the password of the example.
  if (settings.logs.format === "pretty") yield* Console.log(firstSteps(url, mailsOf(settings)))
})

const mailsOf = ({ dataDir, rabbitmqUrl }: StandaloneSettings) =>
  Option.isSome(rabbitmqUrl) ? "to RabbitMQ, exchange user_mail" : `${dataDir}/mail`

const firstSteps = (url: string, mails: string) => `
  API      ${url}/api/v1
  docs     ${url}/api/docs
  health   ${url}/health
  mails    ${mails}

  Try:     curl -s ${url}/api/v1/users/register/ -H 'content-type: application/json' \\
             -d '{"email":"ada@example.com","password":"correct horse battery staple","name":"Ada Lovelace"}'
`
