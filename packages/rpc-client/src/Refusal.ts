import { RateLimited } from "@user-service/domain/RateLimit"
import { Unauthenticated } from "@user-service/domain/ServiceAccess"
import { Effect, Schema } from "effect"
import { HttpClientResponse } from "effect/http"

/** Why the service refused a request without reading its body: the key is not good, or the address sent too many wrong keys. */
export type Refusal = Unauthenticated | RateLimited

const Body = Schema.Struct({ success: Schema.Literal(false), code: Schema.String, message: Schema.String })

const unauthenticated = (["missing", "unknown", "expired"] as const).map((reason) => new Unauthenticated({ reason }))

// `"service-key-ip";q=100;w=60`
const policyField = /^"([^"]*)";q=(\d{1,15});w=(\d{1,15})$/

const rateLimited = (headers: HttpClientResponse.HttpClientResponse["headers"]): RateLimited | undefined => {
  const [, policy, limit, windowSeconds] = policyField.exec(headers["ratelimit-policy"] ?? "") ?? []
  const retryAfterSeconds = Number(headers["retry-after"])
  if (policy === undefined || !Number.isSafeInteger(retryAfterSeconds)) return undefined
  return new RateLimited({ policy, limit: Number(limit), windowSeconds: Number(windowSeconds), retryAfterSeconds })
}

/** The refusal in the body of a response. `undefined` if the response is not from the service, but from a proxy, for example. */
export const refusalIn = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Refusal | undefined> =>
  HttpClientResponse.schemaBodyJson(Body)(response).pipe(
    Effect.map(({ code, message }) =>
      code === "rate_limited"
        ? rateLimited(response.headers)
        : unauthenticated.find((refusal) => refusal.message === message)
    ),
    Effect.orElseSucceed(() => undefined)
  )
